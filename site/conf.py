"""The course as a site, made by Sphinx from the lessons that tools/course_site.py has run: `make site`."""

from __future__ import annotations

project = "socketserver_trace"
author = "socketserver_trace contributors"
project_copyright = author
html_title = "A course on socketserver"

extensions = ["myst_nb"]
exclude_patterns: list[str] = []
nb_execution_mode = "off"  # they have been run, with a hook that keeps what a player needs
nb_merge_streams = True
nb_code_prompt_show = "A solution"
nb_code_prompt_hide = "Hide it"
nb_mime_priority_overrides = [("html", "text/html", 0), ("html", "image/png", 10), ("html", "text/plain", 20)]
myst_heading_anchors = 3
myst_heading_slug_func = "tools.course_map.anchor"  # as JupyterLab writes it, so that links hold in both
suppress_warnings = ["mystnb.unknown_mime_type"]  # of widgets, which have words and pictures as well

html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_js_files = [("player.js", {"defer": "defer"}), ("site.js", {"defer": "defer"})]
html_copy_source = False
html_show_search_summary = False  # they would be fetched, which a page from a disk cannot do
html_show_sourcelink = False
html_theme_options = {"top_of_page_buttons": []}
