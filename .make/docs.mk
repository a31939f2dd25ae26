# make docs, and the Python package's view of the headers.

# ctypes' view of the public headers; needs clang and Python.
.PHONY: python-abi
python-abi:
	python3 tests/python/generate.py examples/python/perpcore/_abi.py

# The API reference from the headers' comments, with the pages; a warning is an error.
.PHONY: docs
docs:
	@command -v doxygen >/dev/null || { echo "the API reference needs doxygen" >&2; exit 1; }
	@rm -rf $(BUILD)/docs
	@mkdir -p $(BUILD)/docs
	$(call say,DOXYGEN,$(BUILD)/docs/html)DOCS_FOLDER='$(BUILD)/docs' DOCS_VERSION='$(VERSION)' \
	    doxygen docs/Doxyfile
