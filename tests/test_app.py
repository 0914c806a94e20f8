"The page in a real browser, its server as a process, and the way it is deployed"
import ast, os, re, shutil, socket, subprocess, sys, time
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from urllib.request import urlopen

import pytest
from conftest import asl, repo, script
from test_project import settings

def free_port():
    with socket.create_server(('127.0.0.1', 0)) as s: return s.getsockname()[1]

@contextmanager
def serving(*command, option='--port', cwd=repo):
    "A server as a process of its own, once it answers, and its address; killed at the end"
    port = free_port()
    p = subprocess.Popen([*map(str, command), option, str(port)], cwd=cwd)
    try: yield p, answering(p, f'http://127.0.0.1:{port}')
    finally:
        p.kill()
        p.wait()

def answering(p, url, seconds=60):
    for _ in range(5*seconds):
        assert p.poll() is None, f'the server ended with status {p.returncode}'
        try: return urlopen(f'{url}/_stcore/health').url.removesuffix('/_stcore/health')
        except OSError: time.sleep(.2)
    raise TimeoutError(url)

def chromium(playwright):
    "Debian's browser without a window; closed at the end of `with`"
    return playwright.chromium.launch(executable_path=shutil.which('chromium'), args=['--no-sandbox', '--disable-background-networking'])

@pytest.fixture(scope='module')
def browser():
    "Headless Chromium; where it is not, tests skip, which under CI=true is a failure"
    if not (shutil.which('chromium') and find_spec('playwright')):
        (pytest.fail if os.getenv('CI')=='true' else pytest.skip)("no browser: install Debian's chromium and `pip install playwright`")
    from playwright.sync_api import sync_playwright
    with sync_playwright() as p, chromium(p) as browser: yield browser

@pytest.fixture
def page(browser):
    "A tab of the width of a telephone that notes whom it asks"
    context = browser.new_context(viewport=dict(width=390, height=844))
    page, page.asked = context.new_page(), []
    page.set_default_timeout(60_000)
    page.on('request', lambda o: page.asked.append(o.url))
    yield page
    context.close()

@pytest.fixture(scope='module')
def server(tiny):
    with serving(script('asl_app'), '--model', tiny/'bundle') as (p, url): yield p, url

@pytest.fixture(scope='module')
def hand(some): return sorted((some/'Y').iterdir())[0]

def upload(page, url, *files):
    page.goto(url)
    page.locator('input[type=file]').set_input_files([str(o) for o in files])

def said(model, file, runtime='auto'):
    "Headline and sentence that the page should show"
    from asl_fastai.app import answer_of, threshold_of
    from asl_fastai.bundle import Predictor
    predictor = Predictor(model, runtime=runtime)
    return [re.sub(r'\*', '', o) for o in answer_of(predictor.predict(file), threshold_of(predictor.card)[0])]

def wait_for_answer(page, model, file, **runtime):
    "Waits for the box with the answer that the model gives; the page grows line by line, so each line is waited for"
    head, sentence = said(model, file, **runtime)
    page.get_by_role('heading', level=2, name=head, exact=True).wait_for()
    page.get_by_text(sentence).wait_for()

def test_a_hand_is_read(page, server, tiny, hand):
    upload(page, server[1], hand)
    wait_for_answer(page, tiny/'bundle', hand)
    assert page.title()=='Which letter is it?' and page.get_by_role('heading', level=1).inner_text()=='Which letter is it?'
    (seen := page.get_by_role('img', name=f'{hand.name} as the model sees it')).wait_for()
    assert seen.is_visible() and page.get_by_role('region', name='Pictures of a hand').is_visible()
    page.get_by_role('progressbar').nth(4).wait_for()
    assert page.get_by_role('progressbar').count()==5

def test_what_is_no_picture_is_one_sentence(page, server, tiny, hand, tmp_path):
    for name, data in {'text.jpg': b'no picture', 'empty.png': b'', 'half.jpg': hand.read_bytes()[:900]}.items(): (tmp_path/name).write_bytes(data)
    upload(page, server[1], *sorted(tmp_path.iterdir()), hand)
    wait_for_answer(page, tiny/'bundle', hand)
    sentences = page.get_by_role('alert').all_inner_texts()
    assert len(sentences)==3 and all('This is not a picture, or is damaged' in o for o in sentences), sentences
    assert 'Traceback' not in page.content()

def test_the_page_fits_a_telephone(page, server, hand):
    upload(page, server[1], hand)
    page.get_by_role('heading', level=2).wait_for()
    page.get_by_text('About this model').click()
    page.get_by_text('Learned from').wait_for()
    wide = page.evaluate("[...document.querySelectorAll('*')].filter(o => o.scrollWidth>390 && o.clientWidth>0).length")
    assert not wide

def test_the_page_asks_nobody_else(page, server, hand):
    upload(page, server[1], hand)
    page.get_by_role('heading', level=2).wait_for()
    assert page.asked and all(re.match(rf'{server[1]}/|data:|blob:', o) for o in page.asked)

def listening(port):
    "The addresses that somebody listens on at a port, as the kernel writes them"
    rows = [o.split() for f in ('tcp', 'tcp6') for o in Path(f'/proc/net/{f}').read_text().splitlines()[1:]]
    return [o[1].split(':')[0] for o in rows if o[3]=='0A' and int(o[1].split(':')[1], 16)==port]

def test_the_server_is_one_process_on_the_loopback(page, tiny, hand):
    with serving(script('asl_app'), '--model', tiny/'bundle') as (p, url):
        port = int(url.split(':')[-1])
        upload(page, url, hand)
        wait_for_answer(page, tiny/'bundle', hand)
        command, maps = (Path(f'/proc/{p.pid}/{o}').read_text() for o in ('cmdline', 'maps'))
        assert 'streamlit\0run' in command and 'torch' not in maps and re.search('onnxruntime|openvino', maps)
        assert not [o for t in Path(f'/proc/{p.pid}/task').iterdir() for o in (t/'children').read_text().split()]
        assert listening(port)==['0100007F']
        p.kill()
        p.wait()
        assert not listening(port)

def test_it_stops_when_asked(tiny):
    with serving(script('asl_app'), '--model', tiny/'bundle') as (p, _):
        p.terminate()
        assert p.wait(timeout=30)==0

def test_a_bundle_that_changes_is_noticed(page, tiny, hand, tmp_path):
    model = shutil.copytree(tiny/'bundle', tmp_path/'model')
    with serving(script('asl_app'), '--model', model) as (_, url):
        upload(page, url, hand)
        wait_for_answer(page, model, hand)
        with open(model/'weights.safetensors', 'ab') as f: f.write(b'!')
        page.reload()
        page.get_by_text('weights.safetensors was altered after the bundle was written').wait_for()
        shutil.rmtree(model)
        shutil.copytree(tiny/'bundle', model)
        upload(page, url, hand)
        wait_for_answer(page, model, hand)

def test_asl_app_refuses_in_one_sentence(tiny):
    with socket.create_server(('127.0.0.1', 0)) as s:
        for args, says in [(['--model', 'nowhere'], 'no bundle at nowhere'), (['--port', s.getsockname()[1]], 'choose another --port'),
            (['--address', '192.0.2.1'], 'choose another'), (['--port', 99_999], 'choose another --port')]:
            r = asl('asl_app', *(() if '--model' in args else ('--model', tiny/'bundle')), *args, check=False)
            assert r.returncode==2 and says in r.stderr and len(r.stderr.splitlines())==1, r.stderr

def required(): return [o for o in (repo/'requirements.txt').read_text().splitlines() if not o.startswith('#')]

def imported(room, seen):
    "Packages that are imported with one of our modules, and with those that it imports"
    seen.add(room)
    for node in ast.parse((repo/'asl_fastai'/f'{room}.py').read_text()).body:
        names = [o.name for o in node.names] if isinstance(node, ast.Import) else [f'{"asl_fastai." if node.level else ""}{node.module}'] if isinstance(node, ast.ImportFrom) else []
        for top, *rest in (o.split('.') for o in names):
            if top!='asl_fastai': yield top
            elif rest and rest[0] not in seen: yield from imported(rest[0], seen)

def test_requirements_are_what_the_page_imports():
    needed = {dict(PIL='pillow').get(o, o) for o in imported('app', set()) if o not in sys.stdlib_module_names}
    assert {re.split('[<>=]', o)[0] for o in required()}==needed|{'streamlit', 'onnxruntime'}
    assert set(required()) <= set(f"{settings()['requirements']} {settings()['app_requirements']}".split())

@pytest.fixture(scope='module')
def fresh(tmp_path_factory):
    "A new environment with requirements.txt in it, and nothing else"
    venv = tmp_path_factory.mktemp('fresh')/'venv'
    subprocess.run([sys.executable, '-m', 'venv', venv], check=True)
    r = subprocess.run([venv/'bin'/'pip', 'install', '-q', '-r', repo/'requirements.txt'], capture_output=True, text=True)
    if r.returncode and 'NewConnectionError' in r.stderr and os.getenv('CI')!='true': pytest.skip('pip reaches no registry')
    assert r.returncode==0, r.stderr
    return venv/'bin'

@pytest.mark.slow
def test_requirements_are_enough_for_the_cloud(page, fresh, tiny, hand, tmp_path, monkeypatch):
    for o in ('PYTHONPATH', 'ASL_MODEL'): monkeypatch.delenv(o, raising=False)
    for o in ('streamlit_app.py', 'requirements.txt'): shutil.copy(repo/o, tmp_path)
    shutil.copytree(repo/'asl_fastai', tmp_path/'asl_fastai')
    packages = subprocess.run([fresh/'pip', 'list', '--format=freeze'], capture_output=True, text=True, check=True).stdout.lower()
    assert not re.search('^(torch|fastai|asl[-_]fastai)', packages, re.M), packages
    options = '--server.headless=true', '--server.address=127.0.0.1', '--browser.gatherUsageStats=false'
    with serving(fresh/'streamlit', 'run', 'streamlit_app.py', *options, option='--server.port', cwd=tmp_path) as (p, url):
        page.goto(url)
        page.get_by_text('This model counts as sure from').wait_for()
        shutil.copytree(tiny/'bundle', tmp_path/'model')
        upload(page, url, hand)
        wait_for_answer(page, tmp_path/'model', hand, runtime='onnxruntime') # The only one in requirements.txt
        assert 'torch' not in Path(f'/proc/{p.pid}/maps').read_text()
