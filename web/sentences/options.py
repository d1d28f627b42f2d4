"""What the options of our strategies mean, as their schemas say it."""

from web.sentences.marking import _l

SENTENCES = (
    _l("Who speaks: a strategy, or a kind that needs no options, like quotes."),
    _l("How many passages are found for a question."),
    _l("Only documents that have one of these tags; empty: all."),
    _l("Passages of its document added on each side of a found one."),
    _l("How many sentences an answer has at most."),
    _l("How likely a further sentence must be, as a share of the best one's likelihood."),
    _l("From which likelihood on it answers; unset: as calibrated. Higher refuses more."),
    _l(
        "How many passages are read together with the question at most, to see whether they answer it: the "
        "likeliest, and the others where that one leaves it unsure. Each takes some milliseconds; 0 judges "
        "by words and vectors alone."
    ),
    _l(
        "Whether a larger reader looks at those passages too, where the usual one is unsure: one "
        "question in three, some thirty milliseconds. English only, and not in a crowd."
    ),
    _l("The model's name at the server, or a folder, a GGUF file, or its name on the hub."),
    _l("Your own words for the model, after our rules."),
    _l("0 says the likeliest word."),
    _l(
        "How much less likely a word gets each time that the answer has it, for a model that repeats itself; "
        "0 changes nothing."
    ),
    _l(
        "The numbers in which a local model calculates; empty: those it was saved in, where the processor is "
        "made for them."
    ),
    _l("Where an answer is cut off."),
    _l("Room for prompt and answer; 0: as the local model says, unlimited at a server."),
    _l("How long reaching the server may take."),
    _l("How long its first word after a start may take."),
    _l("How long it may be silent in the middle."),
    _l('Where a local model runs: "cpu", "cuda"; empty chooses.'),
    _l("How many answers a local model makes at the same time."),
    _l("Names of strategies, in the order in which they are asked."),
    _l("Names of strategies to choose among; the first answers until it is trained."),
    _l("What the budget counts: ms of an answer, its cost, or its prompt tokens."),
    _l("What an answer may spend on average; unset: as is best. The console's goes before."),
    _l("How much likelier right another must be than the best single strategy."),
    _l(
        "Refuse what nobody answers, as it has learned, at the price of refusing so much of what can be "
        "answered: a share. 0: it refuses nothing itself."
    ),
    _l(
        "A question set from which it learns by itself, whenever its strategies or the documents "
        "have changed; that evaluates them each time. Empty: when somebody says so."
    ),
    _l("Whose answers are kept."),
    _l("From which likeness of meaning on two questions may be the same. Higher: fewer are."),
    _l("How many answers are kept."),
    _l("How long an answer is kept, in hours."),
    _l("The model that speaks: shipped, a folder, or a name of the hub like Qwen/Qwen3-0.6B."),
    _l("Whose manner it speaks in: current is whichever is promoted, else a name or a hash."),
    _l("The longest answer, in tokens."),
    _l("Afterwards, show the documents that say the same as the answer."),
    _l("Say also what documents said when it was taught, and do not say any more."),
    _l("How many answers are made together."),
    _l("How many more questions may wait."),
    _l("Threads it computes with; 0: one for a small base, else torch's choice."),
    _l("Where it computes, like cuda; empty: a GPU if there is one."),
    _l("Its precision, like bfloat16; empty: float32 on a CPU, bfloat16 on a GPU."),
    _l("What it is given: a dictionary with question, history and passages, or the question."),
    _l("Words to say before the question."),
    _l(
        "Ask all, and let the one speak that takes its answer to be likeliest right; one that tells no "
        "likelihood is taken to be certain."
    ),
    _l(
        "With surest: the next one is heard as well, behind the surest, if its likelihood is less than this "
        "below. 0: the surest one alone."
    ),
)
