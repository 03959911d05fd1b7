"""Rows -> what says more of an image than its pixels do.

Plain functions and transformers of rows, learnt from rows alone.
"""
