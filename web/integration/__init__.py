"""For programs: documents, search, questions and pairs over HTTP, with a key of their own."""
