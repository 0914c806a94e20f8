"Takes README's picture of the page, which shows the starter model and two rendered hands: python tests/picture.py"
from asl_fastai.sets import get_data, parts_of, picture_files
from conftest import repo, script
from playwright.sync_api import sync_playwright
from test_app import chromium, serving, upload

def main():
    hands = [o for o in picture_files(parts_of(get_data('sample'))['ood']) if o.stem in ('Y0010_test', 'Q0010_test')]
    with serving(script('asl_app')) as (_, url), sync_playwright() as p, chromium(p) as browser:
        page = browser.new_page(viewport=dict(width=780, height=1300))
        upload(page, url, *hands[::-1])
        page.get_by_role('progressbar').nth(9).wait_for(timeout=60_000)
        page.wait_for_timeout(1000) # Bars grow
        page.screenshot(path=repo/'nbs'/'images'/'app.png', clip=dict(x=0, y=100, width=780, height=1090))

if __name__=='__main__': main()
