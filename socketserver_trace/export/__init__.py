"""From a recording to a form that others read, and back. One module for each form."""
