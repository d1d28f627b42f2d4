"""What a decision and a report say, in English and Japanese: they are read outside of the console, too."""

from __future__ import annotations

from collections.abc import Mapping

Language = str

REASONS: Mapping[Language, Mapping[str, str]] = {
    "en": {
        "questions.promote": "Answerable questions that were asked: {n}.",
        "questions.hold": "Answerable questions that were asked: only {n}, at least {least} required.",
        "facts.promote": "Gold facts: {value} points against the live strategy (interval {low} to {high}); "
        "a loss of {margin} points would be allowed.",
        "facts.hold": "Gold facts: {value} points against the live strategy, but the interval {low} to "
        "{high} does not rule out a loss of more than {margin} points. Questions that were asked: {n}; about "
        "{needed} would show a difference of this size.",
        "facts.reject": "Gold facts: {value} points against the live strategy (interval {low} to {high}); "
        "only {margin} points may be lost.",
        "facts_unknown.hold": "No question of the set has gold facts: nobody can say which answers better.",
        "wrong.promote": "Answers that say something wrong: {mine}; of the live strategy: {live}.",
        "wrong.reject": "Answers that say something wrong: {mine}; of the live strategy: {live}; "
        "allowed beyond that: {more}. One of them: “{example}”.",
        "refused.promote": "Questions without an answer: {value} refused, at least {bound} required.",
        "refused.hold": "Questions without an answer: {value} refused (interval {low} to {high}), "
        "{bound} required; too few questions to tell: {n}.",
        "refused.reject": "Questions without an answer: only {value} refused (interval {low} to {high}), "
        "{bound} required.",
        "false_refusals.promote": "Answerable questions: {value} refused, at most {bound} allowed.",
        "false_refusals.hold": "Answerable questions: {value} refused (interval {low} to {high}), "
        "{bound} allowed; too few questions to tell: {n}.",
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
        "lost (interval {low} to {high}); too few questions to tell for certain: {n}.",
        "tag.reject": "“{tag}”: {value} points of gold facts against the live strategy "
        "(interval {low} to {high}); {margin} points may be lost.",
        "tag_wrong.reject": "“{tag}”: answers that say something wrong: {mine}; of the live strategy: "
        "{live}. One of them: “{example}”.",
        "live_already.hold": "“{name}” answers customers already.",
        "live_not_asked.hold": "“{name}”, which answers customers now, was not asked: compare it, too.",
        "unfinished.hold": "The evaluation is not finished. Answers that are missing: {left}.",
        "changed.hold": "“{name}” is not what it was when it was asked (its options, or who speaks in it): "
        "ask again.",
        "other_index.hold": "The documents have changed since (index {then}, now {now}): ask again.",
    },
    "ja": {
        "questions.promote": "答えのある質問{n}件を尋ねました。",
        "questions.hold": "答えのある質問が{n}件しかありません。少なくとも{least}件が必要です。",
        "facts.promote": "正解の事実: 現在の回答方式との差は{value}ポイント（区間 {low}～{high}）。"
        "許される低下は{margin}ポイントです。",
        "facts.hold": "正解の事実: 現在の回答方式との差は{value}ポイントですが、区間 {low}～{high} では"
        "{margin}ポイントを超える低下を否定できません。質問は{n}件で、この大きさの差を示すには約{needed}件が"
        "必要です。",
        "facts.reject": "正解の事実: 現在の回答方式との差は{value}ポイント（区間 {low}～{high}）。"
        "許される低下は{margin}ポイントまでです。",
        "facts_unknown.hold": "正解の事実を持つ質問がないため、どちらの回答が優れているか判断できません。",
        "wrong.promote": "誤りを述べた質問は{mine}件、現在の回答方式では{live}件でした。",
        "wrong.reject": "誤りを述べた質問は{mine}件、現在の回答方式では{live}件でした。増えてよいのは"
        "{more}件までです。例:「{example}」",
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
        "tag.promote": "「{tag}」: 正解の事実は現在の回答方式と比べて{value}ポイント。",
        "tag.hold": "「{tag}」: 正解の事実は現在の回答方式と比べて{value}ポイント（許される低下: "
        "{margin}ポイント）。質問{n}件では確かなことが言えません（区間 {low}～{high}）。",
        "tag.reject": "「{tag}」: 正解の事実は現在の回答方式と比べて{value}ポイント（区間 {low}～{high}、"
        "許される低下: {margin}ポイント）。",
        "tag_wrong.reject": "「{tag}」: 誤りを述べた質問は{mine}件、現在の回答方式では{live}件でした。"
        "例:「{example}」",
        "live_already.hold": "「{name}」はすでにお客様に回答しています。",
        "live_not_asked.hold": "現在回答している「{name}」に質問していません。あわせて比較してください。",
        "unfinished.hold": "評価が終わっていません。回答が{left}件足りません。",
        "changed.hold": "「{name}」は質問したときから変わっています（設定、または中で話すモデル）。もう一度"
        "質問してください。",
        "other_index.hold": "質問したあとに文書が変わりました（索引 {then}、現在 {now}）。もう一度質問して"
        "ください。",
    },
}

REPORT: Mapping[Language, Mapping[str, str]] = {
    "en": {
        "subtitle": "Strategies: {strategies}. Questions: {questions}. Measured {when} through a customer's "
        "turn.",
        "decision.promote": "“{candidate}” may take the place of “{live}”",
        "decision.hold": "“{candidate}” may not take the place of “{live}” yet",
        "decision.reject": "“{candidate}” may not take the place of “{live}”",
        "mark.promote": "kept",
        "mark.hold": "not certain",
        "mark.reject": "broken",
        "figures": "Side by side",
        "figures_about": "Below each figure is the interval in which it would lie had other questions been "
        "asked (95 %, by bootstrap over the questions). A dot marks the best, and those that cannot be told "
        "apart from it.",
        "part.answers": "What is answered",
        "part.words": "How it is said",
        "part.sources": "What it rests on",
        "part.price": "What it costs",
        "plots": "Quality and its price",
        "plots_about": "Filled marks on the dashed line are worth their price: no other strategy is both as "
        "cheap and as good. The strokes are intervals.",
        "plot.cost": "Quality against cost",
        "plot.latency": "Quality against waiting",
        "differences": "Do they differ at all?",
        "differences_about": "On the questions that both were asked. p is corrected for the number of "
        "comparisons (Holm); below .05 the two differ. The last column says how many questions like these "
        "would show a difference of this size four times in five.",
        "difference.pair": "Compared",
        "difference.difference": "Difference",
        "difference.test": "Test",
        "difference.p": "p, corrected",
        "difference.needed": "Questions needed",
        "tags": "By tag",
        "tags_about": "An average can hide a part that got worse.",
        "tag": "Tag",
        "examples": "Where they differ",
        "examples_about": "Questions that one strategy answered rightly and another did not: "
        "{shown} of {all}.",
        "silent": "(no answer)",
        "right": "right",
        "not_right": "not right",
        "manner": "By what the desk's manner is judged",
        "opinions": "What a model thinks",
        "opinions_about": "A language model read the answers of two strategies, each pair in both orders; a "
        "preference that turned with the order counts as a draw. Such opinions have tastes of their own, "
        "such as for long answers: they take no part in the decision above.",
        "opinions.pair": "Read",
        "opinions.better": "preferred",
        "opinions.draws": "Draws",
        "opinions.turned": "{n} turned with the order",
        "opinions.unread": "Not understood",
        "opinions.share": "Preferred, of what was decided",
        "opinions.p": "p",
        "opinions.cost": "Its cost",
        "opinions.tokens": "{prompt:,} + {completion:,} tokens",
    },
    "ja": {
        "subtitle": "{strategies}つの回答方式、{questions}件の質問。{when}に、お客様とのやり取りと同じ経路で"
        "測定。",
        "decision.promote": "「{candidate}」は「{live}」に代わって本番にできます",
        "decision.hold": "「{candidate}」は、まだ「{live}」に代わって本番にできません",
        "decision.reject": "「{candidate}」は「{live}」に代わって本番にできません",
        "mark.promote": "満たしています",
        "mark.hold": "確かではありません",
        "mark.reject": "満たしていません",
        "figures": "比較",
        "figures_about": "各数値の下は、別の質問を尋ねた場合に取りうる範囲です（質問のブートストラップによる"
        "95 %区間）。●は最も良いもの、およびそれと区別できないものを示します。",
        "part.answers": "回答の内容",
        "part.words": "話し方",
        "part.sources": "根拠",
        "part.price": "費用と時間",
        "plots": "品質とその対価",
        "plots_about": "破線上の塗りつぶした点は、対価に見合う回答方式です。同じかそれより安く、同じかそれよ"
        "り良い回答方式はほかにありません。縦線は区間です。",
        "plot.cost": "品質と費用",
        "plot.latency": "品質と待ち時間",
        "differences": "本当に差があるか",
        "differences_about": "両方に尋ねた質問での比較です。p値は比較の数で補正しています（Holm法）。0.05未"
        "満なら差があります。右端の列は、この大きさの差を5回に4回示すために必要な質問の数です。",
        "difference.pair": "比較",
        "difference.difference": "差",
        "difference.test": "検定",
        "difference.p": "補正後のp値",
        "difference.needed": "必要な質問数",
        "tags": "タグごと",
        "tags_about": "平均だけでは、悪くなった部分が隠れることがあります。",
        "tag": "タグ",
        "examples": "回答が分かれた質問",
        "examples_about": "ある回答方式は正しく答え、別の回答方式は答えられなかった質問"
        "（{all}件のうち{shown}件）。",
        "silent": "（回答なし）",
        "right": "正しい",
        "not_right": "正しくない",
        "manner": "窓口らしい話し方の判定方法",
        "opinions": "言語モデルの意見",
        "opinions_about": "言語モデルが2つの回答方式の回答を、順序を入れ替えて2回ずつ読み比べました。順序に"
        "よって変わった判断は引き分けとします。長い回答を好むなどの癖があるため、上の判定には一切使いません。",
        "opinions.pair": "読み比べた回答方式",
        "opinions.better": "を選択",
        "opinions.draws": "引き分け",
        "opinions.turned": "うち順序で変わったもの{n}件",
        "opinions.unread": "判読不能",
        "opinions.share": "優劣がついたもののうち選ばれた割合",
        "opinions.p": "p値",
        "opinions.cost": "費用",
        "opinions.tokens": "{prompt:,}＋{completion:,}トークン",
    },
}

CONDITIONS: Mapping[Language, Mapping[str, str]] = {
    "en": {
        "version": "version {n}",
        "cold": "cold: what was remembered of recent questions was forgotten before each",
        "price": "{name}: {prompt:g} per million tokens read, {completion:g} written",
        "about.set": "Question set",
        "about.live": "Live at the time",
        "about.caches": "Caches",
        "about.cores": "Processor cores",
        "about.index": "Index version",
        "about.release": "Release",
        "about.prices": "Prices",
    },
    "ja": {
        "version": "第{n}版",
        "cold": "コールド（質問のたびに、最近の質問の記憶を消去）",
        "price": "{name}: 100万トークンあたり入力{prompt:g}、出力{completion:g}",
        "about.set": "質問セット",
        "about.live": "当時の回答方式",
        "about.caches": "キャッシュ",
        "about.cores": "プロセッサーのコア数",
        "about.index": "索引の版",
        "about.release": "リリース",
        "about.prices": "料金",
    },
}

MANNER: Mapping[Language, Mapping[str, str]] = {
    "en": {
        "language.en": "English",
        "language.ja": "Japanese",
        "told": "{language}: by a classifier that knows {n} answers of your desk; of the texts that it had "
        "not seen it told {accuracy} % rightly.",
        "few": "{language}: not judged. Different answers of your desk among the pairs: {n}; to learn its "
        "manner from, at least {least} are needed.",
        "unsure": "{language}: not judged. A classifier learned from {n} answers of your desk; of the texts "
        "that it had not seen it told {accuracy} % rightly, and of the desk's among them {recognised} %. "
        "Below {trusted} % it is not believed.",
        "none": "Not judged: no pair of your desk is there. Its manner is learned from at least {least} "
        "different answers.",
    },
    "ja": {
        "language.en": "英語",
        "language.ja": "日本語",
        "told": "{language}: 窓口の回答{n}件から学んだ分類器で判定しました。学習に使っていない文章の"
        "{accuracy} %を正しく見分けています。",
        "few": "{language}: 判定していません。ペアに含まれる窓口の回答は{n}種類です。話し方を学ぶには"
        "少なくとも{least}種類が必要です。",
        "unsure": "{language}: 判定していません。窓口の回答{n}件から分類器を学習しましたが、学習に使って"
        "いない文章のうち正しく見分けたのは{accuracy} %、そのうち窓口の回答では{recognised} %でした。"
        "{trusted} %未満の場合は使用しません。",
        "none": "判定していません。窓口のペアがありません。話し方を学ぶには、少なくとも{least}種類の回答が"
        "必要です。",
    },
}
