"""From a diagram to a text in some language. One module for each; a painter knows the diagram and nothing else."""
