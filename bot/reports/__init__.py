"""How it is going: the overview, the unanswered, what is used; drawn, and in files."""
