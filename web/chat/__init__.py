"""What customers reach: the chat API, the widget's frame and loader, and the demo shop that carries it."""
