"""A folder of images -> a catalogue: one row per image, with its path, class and pair.

A folder comes in; out go catalogues, split such that pairs and duplicates stay together, and
what is wrong with the images. Only paths are held here, no pixels.
"""
