"""How do people reach it? The widget, the console, the HTTP API and the command line."""
