"""What lives in a notebook: the live lab and the client cells.

The law: only here are IPython, ipywidgets and anywidget imported.
"""
