"""`python -m web.cli`: what `kotae` is, for a Python that has no scripts folder on the path."""

from web.cli import main

main()
