"""What Pydantic says of a value that is none; it begins in lower case where a name stands before it."""

from web.sentences.marking import _l

SENTENCES = (
    _l("input should be a valid integer, unable to parse string as an integer"),
    _l("input should be a valid integer"),
    _l("input should be a valid number, unable to parse string as a number"),
    _l("input should be a valid number"),
    _l("input should be a finite number"),
    _l("input should be a valid boolean, unable to interpret input"),
    _l("input should be a valid string"),
    _l("input should be greater than or equal to %(least)s"),
    _l("input should be less than or equal to %(most)s"),
    _l("input should be greater than %(least)s"),
    _l("input should be less than %(most)s"),
    _l("input should be a multiple of %(step)s"),
    _l("input should be %(choices)s"),
    _l("string should have at least %(least)s character"),
    _l("string should have at least %(least)s characters"),
    _l("string should have at most %(most)s character"),
    _l("string should have at most %(most)s characters"),
    _l("string should match pattern '%(pattern)s'"),
    _l("list should have at least %(least)s item after validation, not %(given)s"),
    _l("list should have at least %(least)s items after validation, not %(given)s"),
    _l("tuple should have at least %(least)s item after validation, not %(given)s"),
    _l("tuple should have at least %(least)s items after validation, not %(given)s"),
)
