"""What a decision and a report say, in English and Japanese: they are read outside of the console, too."""

from __future__ import annotations

from collections.abc import Mapping

Language = str

REASONS: Mapping[Language, Mapping[str, str]] = {
    "en": {
        "questions.promote": "{n} answerable questions were asked.",
        "questions.hold": "Only {n} answerable questions were asked; {least} are the least.",
        "facts.promote": "Gold facts: {value} points against the live strategy (interval {low} to {high}); "
        "a loss of {margin} points would be allowed.",
        "facts.hold": "Gold facts: {value} points against the live strategy, but the interval {low} to "
        "{high} does not rule out a loss of more than {margin} points. {n} questions were asked; about "
        "{needed} would show a difference of this size.",
        "facts.reject": "Gold facts: {value} points against the live strategy (interval {low} to {high}); "
        "only {margin} points may be lost.",
        "facts_unknown.hold": "No question of the set has gold facts: nobody can say which answers better.",
        "wrong.promote": "{mine} questions were told something wrong, {live} by the live strategy.",
        "wrong.reject": "{mine} questions were told something wrong, {live} by the live strategy; "
        "{more} more are allowed. One of them: “{example}”.",
        "refused.promote": "Questions without an answer: {value} refused, at least {bound} required.",
        "refused.hold": "Questions without an answer: {value} refused (interval {low} to {high}), "
        "{bound} required; {n} questions cannot tell.",
        "refused.reject": "Questions without an answer: only {value} refused (interval {low} to {high}), "
        "{bound} required.",
        "false_refusals.promote": "Answerable questions: {value} refused, at most {bound} allowed.",
        "false_refusals.hold": "Answerable questions: {value} refused (interval {low} to {high}), "
        "{bound} allowed; {n} questions cannot tell.",
        "false_refusals.reject": "Answerable questions: {value} refused (interval {low} to {high}), "
        "at most {bound} allowed.",
        "ms_p95.promote": "95 % of the answers were whole after {value} ms, {bound} ms allowed.",
        "ms_p95.hold": "95 % of the answers were whole after {value} ms (interval {low} to {high}), "
        "{bound} ms allowed.",
        "ms_p95.reject": "95 % of the answers were whole only after {value} ms (interval {low} to {high}), "
        "{bound} ms allowed.",
        "cost.promote": "An answer costs {value}, {bound} allowed.",
        "cost.hold": "An answer costs {value} (interval {low} to {high}), {bound} allowed.",
        "cost.reject": "An answer costs {value} (interval {low} to {high}), {bound} allowed.",
        "tag.promote": "“{tag}”: {value} points of gold facts against the live strategy.",
        "tag.hold": "“{tag}”: {value} points of gold facts against the live strategy, {margin} points may be "
        "lost; its {n} questions cannot tell for certain (interval {low} to {high}).",
        "tag.reject": "“{tag}”: {value} points of gold facts against the live strategy "
        "(interval {low} to {high}); {margin} points may be lost.",
        "tag_wrong.reject": "“{tag}”: {mine} questions were told something wrong, {live} by the live "
        "strategy. One of them: “{example}”.",
    },
    "ja": {
        "questions.promote": "答えのある質問{n}件を尋ねました。",
        "questions.hold": "答えのある質問が{n}件しかありません。少なくとも{least}件が必要です。",
        "facts.promote": "正解の事実: 現在の戦略との差は{value}ポイント（区間 {low}～{high}）。"
        "許される低下は{margin}ポイントです。",
        "facts.hold": "正解の事実: 現在の戦略との差は{value}ポイントですが、区間 {low}～{high} では"
        "{margin}ポイントを超える低下を否定できません。質問は{n}件で、この大きさの差を示すには約{needed}件が必要です。",
        "facts.reject": "正解の事実: 現在の戦略との差は{value}ポイント（区間 {low}～{high}）。"
        "許される低下は{margin}ポイントまでです。",
        "facts_unknown.hold": "正解の事実を持つ質問がないため、どちらの回答が優れているか判断できません。",
        "wrong.promote": "誤りを述べた質問は{mine}件、現在の戦略では{live}件でした。",
        "wrong.reject": "誤りを述べた質問は{mine}件、現在の戦略では{live}件でした。増えてよいのは{more}件まで"
        "です。例:「{example}」",
        "refused.promote": "答えのない質問のうち{value}で回答を控えました（必要: {bound}以上）。",
        "refused.hold": "答えのない質問のうち{value}で回答を控えました（区間 {low}～{high}、"
        "必要: {bound}以上）。{n}件では判断できません。",
        "refused.reject": "答えのない質問のうち、回答を控えたのは{value}だけでした（区間 {low}～{high}、"
        "必要: {bound}以上）。",
        "false_refusals.promote": "答えのある質問のうち{value}で回答を控えました（許容: {bound}以下）。",
        "false_refusals.hold": "答えのある質問のうち{value}で回答を控えました（区間 {low}～{high}、"
        "許容: {bound}以下）。{n}件では判断できません。",
        "false_refusals.reject": "答えのある質問のうち{value}で回答を控えました（区間 {low}～{high}、"
        "許容: {bound}以下）。",
        "ms_p95.promote": "回答の95 %が{value}ミリ秒以内に終わりました（許容: {bound}ミリ秒）。",
        "ms_p95.hold": "回答の95 %が終わるまで{value}ミリ秒でした（区間 {low}～{high}、"
        "許容: {bound}ミリ秒）。",
        "ms_p95.reject": "回答の95 %が終わるまで{value}ミリ秒かかりました（区間 {low}～{high}、"
        "許容: {bound}ミリ秒）。",
        "cost.promote": "回答1件の費用は{value}です（許容: {bound}）。",
        "cost.hold": "回答1件の費用は{value}です（区間 {low}～{high}、許容: {bound}）。",
        "cost.reject": "回答1件の費用は{value}です（区間 {low}～{high}、許容: {bound}）。",
        "tag.promote": "「{tag}」: 正解の事実は現在の戦略と比べて{value}ポイント。",
        "tag.hold": "「{tag}」: 正解の事実は現在の戦略と比べて{value}ポイント（許される低下: "
        "{margin}ポイント）。質問{n}件では確かなことが言えません（区間 {low}～{high}）。",
        "tag.reject": "「{tag}」: 正解の事実は現在の戦略と比べて{value}ポイント（区間 {low}～{high}、"
        "許される低下: {margin}ポイント）。",
        "tag_wrong.reject": "「{tag}」: 誤りを述べた質問は{mine}件、現在の戦略では{live}件でした。"
        "例:「{example}」",
    },
}
