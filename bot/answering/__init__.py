"""Who answers: the switch with its options, shares and shadows; the shelf; learned routers."""
