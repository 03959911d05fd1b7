"""Private names of other libraries, each in one place, with a test that fails when it changes.

One module for each library. Where there is a public way to do without a name, it is taken when
the name has disappeared, so that a rename upstream never stops the import of skcomic.
"""
