"""make_tokenizer_json.py: folders with a tokenizer.json, and the ids Hugging Face tokenizers gives.

    make_tokenizer_json.py
        writes tests/data/tokenizer/json/NAME/tokenizer.json, one for each way in which such files
        make tokens, and cases.json beside them: the texts of make_tokenizer.py, and their ids
    make_tokenizer_json.py NAME FOLDER
        writes NAME.json there: the ids of the texts of cases.json by a real model's tokenizer,
        whose folder is not committed
"""
import json
import pathlib
import shutil
import sys

from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers

from make_tokenizer import DATA, LLAMA3, TEXTS, byte_level, encode, random_texts, splits

FOLDER = DATA / 'json'
MARK = '▁'
# Words that change from small to capital letters are cut there: Mistral-Nemo's, and GPT-4o's.
HEAD = r'[^\r\n\p{L}\p{N}]?'
CAPITALS, SMALL = r'[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]', r'[\p{Ll}\p{Lm}\p{Lo}\p{M}]'
TAIL = r'| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+'
SHORT = "(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
TEKKEN = f'{HEAD}{CAPITALS}*{SMALL}+|{HEAD}{CAPITALS}+{SMALL}*|' + r'\p{N}' + TAIL
GPT4O = (f'{HEAD}{CAPITALS}*{SMALL}+{SHORT}|{HEAD}{CAPITALS}+{SMALL}*{SHORT}|' + r'\p{N}{1,3}'
         + TAIL)
# Constructs that PCRE2 and the library's own engine read differently, and possessive quantifiers.
ODD = (r"\w+\d?|\p{Han}{1,2}|[^\r\n\p{L}\p{N}]?+\p{L}+|[\w\s]$|\s+$|'(?i:[sdmt]|ll|ve|re)"
       r"|[^\s\p{L}]++|(?:(?<!x)\W)")
EXTRA = ['<s>hello', 'hello<s> world', '<s> <s>', f'{MARK}{MARK} a', MARK, f' {MARK}x ',
         '  <|begin|>  x\n\ty', 'a <|turn|> b', '<call>x<call>', 'x<call>', 'x <call> y',
         '<|end|>x <|end|>', 'zß zß  zß\t\nb', '   ', 'cafe\u0301<call>e\u0301']


def mark_spaces(prepend):
    replace = normalizers.Replace(' ', MARK)
    return normalizers.Sequence([normalizers.Prepend(MARK), replace]) if prepend else replace


def metaspace(scheme, split):
    return pre_tokenizers.Metaspace(prepend_scheme=scheme, split=split)


def split(pattern, behavior, invert=False):
    return pre_tokenizers.Split(Regex(pattern), behavior, invert)


def letters(*steps, regex=False, space=False):
    last = pre_tokenizers.ByteLevel(add_prefix_space=space, use_regex=regex)
    return pre_tokenizers.Sequence([*steps, last])


# name: (normaliser, pre-tokeniser, options of the model); characters when it has byte_fallback
FOLDERS = {
    'gpt2': (None, byte_level(), {}),
    'prefix': (None, letters(regex=True, space=True), {}),
    'neox': (normalizers.NFC(), byte_level(), {}),
    'llama3': (None, splits(LLAMA3), {'ignore_merges': True}),
    'tekken': (None, splits(TEKKEN), {'ignore_merges': True}),
    'gpt4o': (None, letters(split(GPT4O, 'removed', True)), {}),
    'odd': (None, letters(split(ODD, 'contiguous'), split(' ', 'merged_with_previous'),
                          pre_tokenizers.Punctuation('merged_with_next'),
                          pre_tokenizers.Digits(individual_digits=False)), {}),
    'llama2': (mark_spaces(True), None, {'byte_fallback': True, 'fuse_unk': True}),
    'gemma': (mark_spaces(False), pre_tokenizers.Split(' ', 'merged_with_previous'),
              {'byte_fallback': True, 'fuse_unk': True}),
    'first': (None, metaspace('first', False), {'byte_fallback': True}),
    'always': (normalizers.NFC(), metaspace('always', True), {'byte_fallback': False}),
    'unigram': (None, metaspace('always', True), {'unigram': True, 'byte_fallback': False}),
    'unigram-bytes': (normalizers.NFC(), metaspace('first', False),
                      {'unigram': True, 'byte_fallback': True}),
}


def train_unigram(normalizer, pre_tokenizer, byte_fallback):
    made = Tokenizer(models.Unigram())
    if normalizer:
        made.normalizer = normalizer
    made.pre_tokenizer = pre_tokenizer
    made.train_from_iterator(TEXTS[:40], trainers.UnigramTrainer(
        vocab_size=600, show_progress=False, special_tokens=['<unk>'], unk_token='<unk>',
        max_piece_length=10))
    written = json.loads(made.to_str())
    if byte_fallback:
        written['model']['byte_fallback'] = True
        written['model']['vocab'] += [[f'<0x{b:02X}>', 0.0] for b in range(256)]
    return Tokenizer.from_str(json.dumps(written))


def train_bpe(normalizer, pre_tokenizer, options):
    characters = 'byte_fallback' in options
    if characters:
        options = {'unk_token': '<unk>', **options}
    made = Tokenizer(models.BPE(**options))
    if normalizer:
        made.normalizer = normalizer
    if pre_tokenizer:
        made.pre_tokenizer = pre_tokenizer
    special, alphabet, limit = [], pre_tokenizers.ByteLevel.alphabet(), 1000
    if characters:
        special = ['<unk>']
        special += [f'<0x{b:02X}>' for b in range(256)] if options['byte_fallback'] else []
        alphabet, limit = [chr(c) for c in range(0x21, 0x7f)] + [MARK, 'é', '水'], 110
    made.train_from_iterator(TEXTS, trainers.BpeTrainer(
        vocab_size=420 + len(special), show_progress=False, special_tokens=special,
        initial_alphabet=alphabet, limit_alphabet=limit, max_token_length=10))
    written = json.loads(made.to_str())  # the names of bytes are no added tokens
    written['added_tokens'] = [a for a in written['added_tokens'] if a['content'] == '<unk>']
    return Tokenizer.from_str(json.dumps(written))


def train(normalizer, pre_tokenizer, options):
    if 'unigram' in options:
        made = train_unigram(normalizer, pre_tokenizer, options['byte_fallback'])
    else:
        made = train_bpe(normalizer, pre_tokenizer, options)
    made.add_special_tokens([
        AddedToken('<s>', special=True, normalized=False),
        AddedToken('<|begin|>', special=True, normalized=False, rstrip=True),
        AddedToken('<|turn|>', special=True, normalized=False, lstrip=True),
        AddedToken('<|end|>', special=True, normalized=True)])
    made.add_tokens([
        AddedToken('<tool>', normalized=False), AddedToken('<call>', normalized=True),
        AddedToken('  \n\n', normalized=False, lstrip=True),
        AddedToken('zß', normalized=False, lstrip=True, rstrip=True)])
    return made


def main():
    texts = TEXTS + EXTRA + random_texts(24, 60)
    shutil.rmtree(FOLDER, ignore_errors=True)
    cases = {}
    for name, parts in FOLDERS.items():
        made = train(*parts)
        (FOLDER / name).mkdir(parents=True)
        (FOLDER / name / 'tokenizer.json').write_text(
            json.dumps(json.loads(made.to_str()), ensure_ascii=False, separators=(',', ':'))
            + '\n', encoding='utf-8')
        cases[name] = encode(made, texts, lambda text: False)
    with open(FOLDER / 'cases.json', 'w', encoding='utf-8') as out:
        json.dump({'texts': texts, 'folders': cases}, out, separators=(',', ':'))
        out.write('\n')


def given(name, folder):
    texts = json.loads((FOLDER / 'cases.json').read_text(encoding='utf-8'))['texts']
    ids = encode(Tokenizer.from_file(str(pathlib.Path(folder) / 'tokenizer.json')), texts,
                 lambda text: False)
    (FOLDER / f'{name}.json').write_text(json.dumps(ids, separators=(',', ':')) + '\n')


if __name__ == '__main__':
    if len(sys.argv) == 3:
        given(*sys.argv[1:])
    elif len(sys.argv) == 1:
        main()
    else:
        sys.exit(__doc__)
