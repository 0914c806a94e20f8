"What Streamlit Community Cloud runs: the page, for the bundle in model/ beside this file or the one that ASL_MODEL names"
from pathlib import Path

import asl_fastai.app as app

app.draw_page(Path(__file__).parent)
