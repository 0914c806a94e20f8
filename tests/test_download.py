"Sets arrive through Kaggle's real client from a stand-in server on the loopback: whole, or with a sentence and not at all"
import io, json, re, shutil, signal, subprocess, sys, threading, time, types, zipfile
from dataclasses import replace
from errno import ENOSPC
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np, pytest
from PIL import Image

from asl_fastai import fetch, sets
from asl_fastai.sets import DATASETS, get_data, letters, parts_of, picture_files, vocabs

noise = np.random.default_rng(42)
etag = '"1"'

def picture():
    "A small JPEG like no other"
    out = io.BytesIO()
    Image.fromarray(noise.integers(0, 255, (16,16,3), np.uint8)).save(out, 'jpeg')
    return out.getvalue()

def zipped(files):
    "A zip file of a dict of files, stored as they are"
    out = io.BytesIO()
    with zipfile.ZipFile(out, 'w') as z:
        for k,v in files.items(): z.writestr(k, v)
    return out.getvalue()

massey = {f'asl_dataset/{c.lower()}/hand1_{c.lower()}_bot_seg_1_cropped.jpeg': picture() for c in vocabs[36]}
padding = {'asl_dataset/readme.bin': noise.bytes(3*2**20)} # The client writes a megabyte at a time: less could not be resumed

class StandIn(BaseHTTPRequestHandler):
    "Kaggle as far as downloads go; what goes wrong is said by attributes of the server"
    protocol_version = 'HTTP/1.1'
    def log_message(self, *args): pass

    def do_POST(self):
        self.rfile.read(int(self.headers['Content-Length']))
        self.note()
        if self.server.status: return self.refuse(self.server.status)
        self.answer(302, {'Location': f'http://127.0.0.1:{self.server.server_port}/archive'}, b'')

    def refuse(self, code): self.answer(code, {'Content-Type': 'application/json'}, json.dumps(dict(code=code, message='No')).encode())

    def answer(self, code, headers, body, n=None):
        self.send_response(code)
        for k,v in {'Content-Length': len(body), **headers}.items(): self.send_header(k, v)
        self.end_headers()
        self.wfile.write(body if n is None else body[:n])

    def do_GET(self):
        server = self.server
        self.note()
        body,start = server.bodies.pop(0) if len(server.bodies)>1 else server.bodies[0],re.findall(r'\d+', self.headers.get('Range', ''))
        headers = {'ETag': etag, 'Last-Modified': 'Mon, 01 Jan 2024 00:00:00 GMT', 'Content-Type': 'application/zip'}
        if server.ranges: headers['Accept-Ranges'] = 'bytes'
        part = body[int(start[0]):] if start and server.ranges else body
        cut = server.cuts.pop(0) if server.cuts else None
        self.answer(206 if part is not body else 200, {**headers, 'Content-Length': len(part)}, part, cut)
        if cut is None: return
        self.wfile.flush()
        server.stalled.set()
        server.go_on.wait(server.patience)
        self.close_connection = True

    def note(self):
        self.server.asked.append(types.SimpleNamespace(command=self.command, range=self.headers.get('Range'), auth=self.headers.get('Authorization')))

@pytest.fixture
def kaggle(monkeypatch, tmp_path):
    "A stand-in for Kaggle, and no credentials"
    from kaggle.api import kaggle_api_extended as client
    from kagglesdk import kaggle_env
    server = ThreadingHTTPServer(('127.0.0.1', 0), StandIn)
    server.__dict__.update(asked=[], status=None, bodies=[zipped(massey)], cuts=[], ranges=True, patience=0, stalled=threading.Event(), go_on=threading.Event())
    server.handle_error = lambda *args: None
    threading.Thread(target=server.serve_forever, kwargs=dict(poll_interval=.01), daemon=True).start()
    for o in ('KAGGLE_USERNAME', 'KAGGLE_KEY', 'KAGGLE_API_TOKEN', 'ASL_DATA'): monkeypatch.delenv(o, raising=False)
    monkeypatch.setenv('HOME', str(tmp_path/'home'))
    monkeypatch.setattr(client.KaggleApi, 'config', str(tmp_path/'home'/'kaggle.json'))
    monkeypatch.setattr(client, 'time', types.SimpleNamespace(**{**vars(time), 'sleep': lambda s: None}))
    monkeypatch.setitem(kaggle_env._env_to_endpoint, kaggle_env.KaggleEnv.PROD, f'http://127.0.0.1:{server.server_port}')
    monkeypatch.setitem(DATASETS, 'massey', replace(DATASETS['massey'], train=36))
    yield server
    server.go_on.set()
    server.shutdown()
    server.server_close()

def gets(kaggle): return [o for o in kaggle.asked if o.command=='GET']

def visible(root): return sorted(o.name for o in root.iterdir() if not o.name.startswith('.')) if root.exists() else []

def refused(kind, root, name='massey'):
    "The sentence of the error that `get_data` raises; nothing may have been left that looks like the set"
    with pytest.raises(kind) as e: get_data(name, root)
    assert visible(root)==[]
    said = str(e.value)
    assert '\n' not in said and said.startswith(f'{name}: ')
    assert said.endswith(f'or put the unpacked folder at {root/name}')
    return said

@pytest.fixture
def root(tmp_path): return tmp_path/'data'

def test_a_public_set_needs_no_account(kaggle, root, capfd):
    folder = get_data('massey', root)
    assert folder==root/'massey'
    assert {o.name: o.read_bytes() for o in picture_files(folder)}=={Path(k).name: v for k,v in massey.items()}
    assert visible(root)==['massey'] and not (root/'.massey.download').exists()
    assert [o.command for o in kaggle.asked]==['POST', 'GET'] and not kaggle.asked[0].auth
    said = capfd.readouterr()
    assert said.out=='' and 'Authentication required' not in said.err
    assert '%|' in said.err and 'unpacking' in said.err
    assert get_data('massey', root)==folder and len(kaggle.asked)==2

def test_credentials_are_used_when_there(kaggle, root, monkeypatch):
    monkeypatch.setenv('KAGGLE_USERNAME', 'ann')
    monkeypatch.setenv('KAGGLE_KEY', 'secret')
    get_data('massey', root)
    assert kaggle.asked[0].auth.startswith('Basic ')

def test_a_broken_connection_is_resumed(kaggle, root):
    kaggle.bodies,kaggle.cuts = [zipped(padding|massey)],[5*2**19]
    assert len(picture_files(get_data('massey', root)))==36
    assert [o.range for o in gets(kaggle)]==[None, f'bytes={2*2**20}-']

def test_it_starts_anew_where_servers_cannot_resume(kaggle, root):
    kaggle.bodies,kaggle.cuts,kaggle.ranges = [zipped(padding|massey)],[5*2**19],False
    assert len(picture_files(get_data('massey', root)))==36
    assert len(gets(kaggle))==2

@pytest.mark.parametrize('elsewhere', [False, True])
def test_a_connection_that_stays_broken_is_resumed_next_time(kaggle, root, monkeypatch, elsewhere):
    url = f'http://127.0.0.1:{kaggle.server_port}/download/1'
    if elsewhere: monkeypatch.setitem(DATASETS, 'massey', replace(DATASETS['massey'], source=url))
    kaggle.bodies,kaggle.cuts = [zipped(padding|massey)],[5*2**19]+[1000]*5
    assert 'the connection broke off: try again' in refused(ConnectionError, root)
    assert len(picture_files(get_data('massey', root)))==36
    assert gets(kaggle)[-1].range==f'bytes={2*2**20}-'

def test_a_truncated_archive_is_fetched_again(kaggle, root):
    whole = zipped(massey)
    kaggle.bodies = [whole[:-100], whole]
    assert len(picture_files(get_data('massey', root)))==36
    assert len(gets(kaggle))==2

def test_an_archive_that_is_always_truncated(kaggle, root):
    kaggle.bodies = [zipped(massey)[:-100]]
    assert 'massey' in refused(ValueError, root) and len(gets(kaggle))==2
    kaggle.bodies = [zipped(massey)]
    assert len(picture_files(get_data('massey', root)))==36

@pytest.mark.parametrize('entry', ['../../evil.txt', '/tmp/evil.txt', 'C:\\evil.txt', 'asl_dataset\\..\\..\\evil.txt'])
def test_entries_that_leave_the_folder_are_refused(kaggle, root, entry):
    kaggle.bodies = [zipped(massey|{entry: b'evil'})]
    assert f'its entry {entry} would be written outside' in refused(ValueError, root)
    assert not [o for o in root.parent.rglob('*evil*')]

@pytest.mark.parametrize('status,kind,said', [(401, PermissionError, 'wrong credentials: mend or remove those in ~/.kaggle'),
    (403, PermissionError, 'consent is not given: sign in at https://www.kaggle.com/datasets/ayuraj/asl-dataset, accept'),
    (404, FileNotFoundError, 'it is not there any more'), (503, ConnectionError, 'the server answers 503: try again later')])
def test_refusals(kaggle, root, status, kind, said):
    kaggle.status = status
    assert said in refused(kind, root)

def test_no_network(kaggle, root):
    kaggle.shutdown()
    kaggle.server_close()
    assert 'no network: the server cannot be reached; connect and try again' in refused(ConnectionError, root)

def test_the_place_is_named_when_data_is_elsewhere(kaggle, tmp_path):
    kaggle.status = 404
    with pytest.raises(FileNotFoundError, match=re.escape(f'or put the unpacked folder at data/massey (data is {tmp_path})')): get_data('massey', tmp_path)

def test_a_disk_too_small_is_noticed_before_the_download(kaggle, root, monkeypatch):
    monkeypatch.setattr(fetch.shutil, 'disk_usage', lambda path: types.SimpleNamespace(free=1000))
    assert re.search(r'no space: .* GB are needed at .* make room and try again', refused(OSError, root))
    assert not list(root.rglob('*.zip'))

def test_a_disk_that_fills_up_while_unpacking(kaggle, root, monkeypatch):
    monkeypatch.setattr(zipfile.ZipFile, 'extract', full_disk)
    assert 'no space: No space left on device; make room' in refused(OSError, root)

def full_disk(*args): raise OSError(ENOSPC, 'No space left on device')

child = '''
import os, signal, sys, zipfile
from dataclasses import replace
from pathlib import Path
from kagglesdk import kaggle_env
from asl_fastai import sets
kaggle_env._env_to_endpoint[kaggle_env.KaggleEnv.PROD] = f'http://127.0.0.1:{sys.argv[1]}'
sets.DATASETS['massey'] = replace(sets.DATASETS['massey'], train=36)
todo = iter(range(int(sys.argv[3])))
extract = zipfile.ZipFile.extract
def until_killed(*args):
    if next(todo, None) is None: os.kill(os.getpid(), signal.SIGKILL)
    return extract(*args)
zipfile.ZipFile.extract = until_killed
sets.get_data('massey', Path(sys.argv[2]))
'''

def start(kaggle, root, n=10**6, stderr=subprocess.DEVNULL):
    "A process that gets the set, and kills itself when it has unpacked `n` files"
    return subprocess.Popen([sys.executable, '-c', child, str(kaggle.server_port), str(root), str(n)], stderr=stderr, text=True)

def test_killed_while_downloading_it_goes_on_from_there(kaggle, root):
    kaggle.bodies,kaggle.cuts,kaggle.patience = [zipped(padding|massey)],[5*2**19],60
    process = start(kaggle, root)
    assert kaggle.stalled.wait(60)
    archive = root/'.massey.download'/'asl-dataset.zip'
    until = time.time()+30
    while not (archive.exists() and archive.stat().st_size>=2**20) and time.time()<until: time.sleep(.01)
    process.kill()
    assert process.wait()==-signal.SIGKILL and visible(root)==[]
    kaggle.go_on.set()
    n = archive.stat().st_size
    assert len(picture_files(get_data('massey', root)))==36 and n>0
    assert gets(kaggle)[-1].range==f'bytes={n}-'

@pytest.mark.parametrize('n', [0, 20, 35])
def test_killed_while_unpacking_nothing_looks_whole(kaggle, root, n):
    "What was downloaded already is used again: a second download would be broken"
    kaggle.bodies.append(kaggle.bodies[0][:-100])
    assert start(kaggle, root, n).wait()==-signal.SIGKILL
    assert visible(root)==[] and (root/'.massey.unfinished').exists()
    assert len(picture_files(get_data('massey', root)))==36
    assert not (root/'.massey.unfinished').exists()

def test_of_two_makers_the_second_waits(kaggle, root):
    kaggle.patience,kaggle.cuts = 60,[1000]
    first = start(kaggle, root)
    assert kaggle.stalled.wait(60)
    second = start(kaggle, root, stderr=subprocess.PIPE)
    assert 'massey is being made by another process: waiting for it' in second.stderr.readline()
    kaggle.go_on.set()
    assert first.wait()==0
    second.communicate(timeout=60)
    assert second.returncode==0
    assert len([o for o in kaggle.asked if o.command=='POST'])==1 and visible(root)==['massey']

def test_the_archive_is_kept_on_request_and_used_again(kaggle, root):
    folder = get_data('massey', root, keep_archive=True)
    assert visible(root)==['massey', 'massey.zip']
    shutil.rmtree(folder)
    kaggle.status = 403
    assert len(picture_files(get_data('massey', root)))==36 and visible(root)==['massey', 'massey.zip']

def test_an_archive_put_there_by_hand_that_is_broken(kaggle, root):
    root.mkdir()
    (root/'massey.zip').write_bytes(zipped(massey)[:-50])
    with pytest.raises(ValueError, match='massey.zip is broken .* delete it and try again'): get_data('massey', root)
    assert visible(root)==['massey.zip']

def test_a_nested_copy_is_dropped(kaggle, root, monkeypatch):
    monkeypatch.setitem(DATASETS, 'asl_alphabet_test', replace(DATASETS['asl_alphabet_test'], test=58))
    files = {f'{c}/{c}000{n}_test.jpg': picture() for c in vocabs[29] for n in (1, 2)}
    kaggle.bodies = [zipped(files | {f'asl-alphabet-test/{k}': v for k,v in files.items()})]
    folder = get_data('asl_alphabet_test', root)
    assert len(picture_files(folder))==58
    assert sorted(o.name for o in folder.iterdir())==sorted(vocabs[29])

def test_kaggles_own_nesting_of_the_alphabet(kaggle, root, monkeypatch):
    monkeypatch.setitem(DATASETS, 'asl_alphabet', replace(DATASETS['asl_alphabet'], train=58))
    train = {f'asl_alphabet_train/asl_alphabet_train/{c}/{c}{n}.jpg': picture() for c in vocabs[29] for n in (1, 2)}
    kaggle.bodies = [zipped(train | {f'asl_alphabet_test/asl_alphabet_test/{c}_test.jpg': picture() for c in vocabs[29] if c!='del'})]
    parts = parts_of(get_data('asl_alphabet', root))
    assert {k: len(picture_files(v)) for k,v in parts.items()}==dict(train=58, test=28)
    assert parts['train']==root/'asl_alphabet'/'asl_alphabet_train'/'asl_alphabet_train'

def test_tables_are_counted_by_row(kaggle, root, monkeypatch):
    monkeypatch.setitem(DATASETS, 'sign_mnist', replace(DATASETS['sign_mnist'], train=48, test=24))
    row = {n: f'{letters.index(c)}{",0"*783},255\n' for n,c in enumerate(vocabs[24])}
    head = ','.join(['label', *(f'pixel{i+1}' for i in range(784))])+'\n'
    table = {k: head+''.join(row[i%24] for i in range(n)) for k,n in dict(train=48, test=24).items()}
    files = {f'{w}sign_mnist_{k}.csv': v for k,v in table.items() for w in ('', f'sign_mnist_{k}/')}
    kaggle.bodies = [zipped(files | {'amer_sign2.png': picture()})]
    folder = get_data('sign_mnist', root)
    assert sorted(o.name for o in folder.iterdir())==['amer_sign2.png', 'sign_mnist_test.csv', 'sign_mnist_train.csv']
    (folder/'sign_mnist_test.csv').write_text(table['test'].removesuffix(row[23]))
    with pytest.raises(ValueError, match=r'23 \(test\)'): get_data('sign_mnist', root)

def test_an_archive_in_an_archive_from_another_address(kaggle, root, monkeypatch):
    url = f'http://127.0.0.1:{kaggle.server_port}/public-api/zip/x/download/1'
    monkeypatch.setitem(DATASETS, 'asl_hg', replace(DATASETS['asl_hg'], train=72, source=url))
    raw = zipped({f'ASL_Raw_Images/{c}/P{p}_{c}_1.jpg': picture() for c in vocabs[36] for p in (1, 2)})
    kaggle.bodies = [zipped({'ASL_HG_36000/ASL_Raw_Images.zip': raw, 'ASL_HG_36000/ASL_Processed_Images.zip': raw})]
    folder = get_data('asl_hg', root)
    assert len(picture_files(folder))==72 and (folder/'A'/'P1_A_1.jpg').exists()

@pytest.mark.parametrize('change', ['one less', 'other names', 'other classes'])
def test_a_changed_layout(kaggle, root, change):
    files = list(massey.items())
    if change=='one less': files = files[1:]
    if change=='other names': files = [(f'all/{i}.jpg', v) for i,(k,v) in enumerate(files)]
    if change=='other classes': files = [(k.replace('/z/', '/y/'), v) for k,v in files]
    kaggle.bodies = [zipped(dict(files))]
    said = refused(ValueError, root)
    assert ('neither its folder nor its name' if change=='other names' else 'the layout has changed') in said

def test_every_picture_is_opened(kaggle, root):
    name = 'asl_dataset/q/hand1_q_bot_seg_1_cropped.jpeg'
    kaggle.bodies = [zipped(massey | {name: massey[name][:200]})]
    assert 'hand1_q_bot_seg_1_cropped.jpeg is not a picture, or is damaged' in refused(ValueError, root)

def test_a_folder_put_there_by_hand_is_taken_as_it_is(kaggle, root):
    with zipfile.ZipFile(io.BytesIO(kaggle.bodies[0])) as z: z.extractall(root/'massey'/'archive')
    before = {o: o.stat().st_mtime_ns for o in root.rglob('*')}
    assert get_data('massey', root)==root/'massey'/'archive'/'asl_dataset'
    assert {o: o.stat().st_mtime_ns for o in root.rglob('*')}==before and kaggle.asked==[]

def test_half_a_folder_put_there_by_hand_is_not(kaggle, root):
    with zipfile.ZipFile(io.BytesIO(kaggle.bodies[0])) as z: z.extractall(root/'massey', z.namelist()[:20])
    with pytest.raises(ValueError, match=r'holds 20 \(train\) pictures, and massey has 36 \(train\): move it away'): get_data('massey', root)
    assert kaggle.asked==[]

def test_on_kaggle_the_added_set_is_used_where_it_is(kaggle, root, tmp_path, monkeypatch):
    monkeypatch.setattr(sets, 'kaggle_input', tmp_path/'input')
    inner = {f'asl_dataset/{k}': v for k,v in massey.items()}
    with zipfile.ZipFile(io.BytesIO(zipped(massey|inner))) as z: z.extractall(tmp_path/'input'/'asl-dataset')
    folder = get_data('massey', root)
    assert folder==tmp_path/'input'/'asl-dataset'/'asl_dataset'/'asl_dataset' and len(picture_files(folder))==36
    assert kaggle.asked==[] and not root.exists()
