"""When a person has the chat: rules, office hours, who is there, the inbox, what colleagues see."""
