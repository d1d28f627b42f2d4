"""How people reach Kotae: the widget, the console, the HTTP API and the command line."""
