"""A question and a passage read together by one network: does the text answer it, and which sentence does?

    the index's embedder      question ─▶ vector ┐
                              passage  ─▶ vector ┴─▶ how near          made once, compared ever after
    a cross-encoder           question + passage ─▶ answers it, where  made for each pair

An embedder says that two texts are about the same; "How long is the warranty?" and "How do I claim the
warranty?" are. Whether a text settles what is asked is seen only by who reads both. That costs a few
milliseconds a passage, so the search chooses with the one and `quotes` judges with the other.

* `reading`   the network at work, on OpenVINO
* `windows`   how question and text are put before it, in training as in serving
* `lessons`   what it learns from: desks written for it (`desks/`), and public questions
* `training`  how; `make reader` does it again
"""
