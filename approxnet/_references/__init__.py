"""The papers behind the library: `references.bib`, and who cites what (`sources`)."""
