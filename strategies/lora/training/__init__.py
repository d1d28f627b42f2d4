"""How is an adapter trained? From pairs and a recipe to a folder that may stand on the shelf.

work                what a training is made from, how far it is       recipe.py · work.py · preparing.py
train               the loop, and what may go wrong on the way        course.py · batches.py · adapting.py
run_apart           the same in a process of its own                  apart.py
measure · canaries  what it says and how sure it is                   proving.py
"""
