"""Every hostile input of hostile.py has the outcome that it must have, in any circumstances."""
