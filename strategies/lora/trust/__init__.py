"""May it be believed? When the product model abstains, and what stands behind what it said.

Judge · calibrate   how sure it is, fitted after a training        confidence.py · calibration.py · lessons.py
reliability         how true that was, as it is drawn              reliability.py
Reader · grounded   what it reads, and that it said nothing else   reading.py · grounding.py
supported           documents that say the same                    support.py
"""
