"""Who speaks? One base in memory, many adapters, all questions together.

Engine              the thread that speaks for everybody              speaking.py · rows.py · layers.py
speakers            how each family of models takes a step            families.py · gpt2.py
shared · any_of     who holds a base, and for how long                sharing.py
Watch               follows what is promoted                          watching.py
"""
