"""Who should answer this question? A learned head chooses among strategies, within a budget.

examples.py   what it learns from: questions with how every strategy did; never a held-out one
fitting.py    a logistic regression for each strategy on the question's embedding
head.py       what was learned, as a file, and what it was learned under
plan.py       what a budget buys: the curve of quality against spend
strategy.py   the strategy itself
"""

from strategies.router.examples import Attempt, Example, Learnt, TooFew
from strategies.router.strategy import Router

__all__ = ["Attempt", "Example", "Learnt", "Router", "TooFew"]
