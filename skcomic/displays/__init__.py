"""Numbers -> figures, in the shape of scikit-learn's displays.

Arrays come in, axes go out.
"""
