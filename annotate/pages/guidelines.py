"""The guidelines of the workspace, to be read before the first image and looked up later."""

from __future__ import annotations

import streamlit as st

from gatherset.annotate.guidelines import guidelines
from gatherset.annotate.server import open_workspace

st.markdown(guidelines(open_workspace()))
