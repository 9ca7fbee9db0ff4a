"""Tables of this project's own: import each model here, so that migrations see it.

The file is yours; template updates never touch it.
"""
