"""make_tokenizer.py: the tokenizer fixtures under tests/data/tokenizer, by Hugging Face tokenizers.

    make_tokenizer.py SMOLLM2.gguf
        trains the tiny vocabularies tiny-PRE.gguf and writes cases.json: texts, and the ids that
        each vocabulary gives them (gpt-2's comes from ggml-vocab-gpt-2.gguf, SmolLM2's from the
        given model file)
    make_tokenizer.py --ranks FILE PRE OUT.gguf
        turns a tiktoken rank file into the vocabulary file OUT.gguf with its merges, to compare
        with published vectors; its result is not committed
"""
import base64
import json
import pathlib
import random
import sys

import gguf
from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers

DATA = pathlib.Path(__file__).resolve().parents[1] / 'data' / 'tokenizer'

WORDS = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
          r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")


def splits(*patterns):
    """A pre-tokeniser that cuts by each pattern in turn, then spells the pieces as letters."""
    return pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(pattern), 'isolated') for pattern in patterns]
        + [pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def byte_level():
    return pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)


# As the tokenizer.json of GPT-2, SmolLM2, Llama 3 and Qwen2 have it; "default" is llama.cpp's.
PRETOKENIZERS = {
    'gpt-2': byte_level(),
    'smollm': pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), byte_level()]),
    'llama-bpe': splits(LLAMA3),
    'qwen2': splits(LLAMA3.replace(r'\p{N}{1,3}', r'\p{N}')),
    'default': splits(r'[\p{P}\$\+<=>\^~\|]+', WORDS, r'\p{N}+', '[0-9][0-9][0-9]'),
}

CONTROL = ['<|begin|>', '<|end|>', '<|end|><|turn|>', '<|turn|>']
USER = ['<tool>', '<tool><call>', '  \n\n', 'zß水']
# Words that no merges make: only a tokenizer that looks whole pieces up finds them.
WHOLE = [' attribution', ' Zeitgeist', '注意', '\n\n\n', " isn't", '!?!']

TEXTS = [
    '', ' ', '  ', 'a', '\n', '\t', '\0', 'a\0b\x7f\x1b[0m',
    'The quick brown fox jumps over the lazy dog.',
    "I'm sure they've said we'll go, it's fine, you're right, he'd know, don't.",
    "I'M SURE THEY'VE SAID WE'LL GO, IT'S FINE, YOU'RE RIGHT, HE'D KNOW, DON'T. O'S'T'RE''ll",
    "IT'SNOT WE'REGONE 'Tis 'LLama 'VErbose 'ſx 'DOn't'Sx",
    "it\u2019s they\u2019ll 'tis 'twas rock 'n' roll 's 't 're'Ve'lL'D",
    "long s: 'ſ 'S, kelvin \u212a, dotless ı'm, ligature 'ﬆ",
    '注意机制如何解释语言模型?我们测量每个词元的贡献。',
    '東京都に住んでいます。トークンの寄与を測るヘシアン法。ﾊﾝｶｸ',
    'كيف نفسر نموذج اللغة؟ نقيس مساهمة كل رمز ١٢٣ في النص.',
    'भाषा मॉडल की व्याख्या कैसे करें? हर टोकन का योगदान १२३।',
    'Как объяснить языковую модель? Πῶς ἐξηγεῖται τὸ πρότυπον; איך מסבירים מודל?',
    'ภาษาไทยไม่มีช่องว่าง ကမ္ဘာ ខ្មែរ ქართული հայերեն አማርኛ 한국어 문장입니다.',
    '👩‍👩‍👧‍👦 family, 🏳️‍🌈 flag, 👍🏽 thumb, 🇩🇪 country, ❤️ heart, 1️⃣ key',
    'ied 4 ½ months, x² + y³ = ⅷ, ①②③, ௧௨௩, 𝟘𝟙𝟚, 〇一二',
    '1 12 123 1234 12345 123456 1234567 12345678 3.14159e-10 0x7fffffff 1,000,000',
    'word123word 4th 42nd a1b2c3 v1.2.3-rc4 007',
    'def f(x):\n    return {\n        "a": x ** 2,  # square\n\t\t\'b\': [1, 2, 3],\n    }\n\n\n',
    'int main(void) {\r\n\treturn 0;\r\n}\r\n\r\n  /* end */ if (a != b && c <= d) x->y[0] += 1;\r',
    'https://example.org/a_b?c=d&e=%20#f user@example.org ~/.config $HOME ^_^ <=> |x|',
    ' leading', '  two', '   three', 'trailing ', 'trailing  ', ' \n', '\n ', ' \n \n x',
    'a  b   c    d     e', 'a\tb\t\tc\t \td', 'a\n\nb\n\n\nc \n d', 'a\r\nb\r\n\r\nc\rd\n\r',
    'nbsp\u00a0x \u00a0 \u00a0y', 'wide\u3000x\u3000\u3000y \u3000z\u3000',
    'thin\u2009x\u2002\u2003y line\u2028x\u2029\u2028y ogham\u1680\u1680z nnbsp\u202f1\u205f2',
    'next\u0085line\u0085\u0085x vt\x0b\x0cff \x1c\x1d\x1e\x1f sep',
    'not spaces:  \u180e  \u180ea \u200b\u200bb \u200c\u200dc \u2060d \ufeffe',
    'e\u0301 cafe\u0301 A\u030a n\u0303o\u0308 \u1112\u1161\u11ab \u0915\u093c q\u0307\u0323 '
    '\u212b',
    'Zalgo: t\u0300\u0301\u0302\u0327e\u0308\u0304\u0323x\u0338t \u0344 \u0958 \U0001d15e \u2adc',
    '!!!???...---___===***///\\\\\\"""```', '(((([[[[{{{{<<<<>>>>}}}}]]]]))))',
    'ſſſ ǅ ǆ ʰ ª º ⁿ ₙ ℵ ㎏ ﬁ № ™ © ® € ₿ ¿ ¡ « » „ “ ” … — –',
    'a' * 300, 'ab' * 150 + 'c', 'é' * 100, '水' * 100, '=' * 120, ' ' * 120 + 'x', '\n' * 40,
    'Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft',
    '<|begin|>system\nYou are brief.<|end|>\n<|begin|>user\nHi<|end|><|turn|>\n<|end|><|tur',
    '<tool><call><tool>x <tool> <tool><cal zß水zß a  \n\n b<|end|> <|endoftext|><|im_start|>'
    '<|im_end|>',
    ' attribution attribution Zeitgeist 注意 注意了\n\n\nx isn\'t !?! a!?!',
    'private \ue000 noncharacter \uffff plane16 \U0010ffff cjkb \U00020000 tag \U000e0041',
]


def random_texts(count, length):
    """Texts of characters drawn from every kind, seeded: the same on every run."""
    draw = random.Random(20260)
    kinds = [
        lambda: draw.choice(' \n\t\r\u00a0\u3000\u2028\u0085'), lambda: draw.choice(' \n'),
        lambda: chr(draw.randrange(0x20, 0x7f)), lambda: draw.choice("'sStTmMdDlLvVeErR "),
        lambda: draw.choice('0123456789'), lambda: chr(draw.randrange(0xa1, 0x250)),
        lambda: chr(draw.randrange(0x370, 0x600)), lambda: chr(draw.randrange(0x900, 0xd80)),
        lambda: chr(draw.randrange(0x2000, 0x2700)), lambda: chr(draw.randrange(0x4e00, 0x9f00)),
        lambda: chr(draw.randrange(0x1f300, 0x1f650)), lambda: chr(draw.randrange(0x300, 0x370)),
    ]
    return [''.join(draw.choice(kinds)() for _ in range(draw.randrange(1, length)))
            for _ in range(count)]


def make(pre, tokens, types, merges, unknown=None):
    """The Hugging Face tokenizer of a vocabulary; added tokens are matched as they are written."""
    model = models.BPE({token: k for k, token in enumerate(tokens)}, merges, unk_token=unknown,
                       ignore_merges=pre == 'llama-bpe')
    made = Tokenizer(model)
    made.pre_tokenizer = PRETOKENIZERS[pre]
    if pre == 'qwen2':
        made.normalizer = normalizers.NFC()
    kind = gguf.TokenType
    for token, type_ in zip(tokens, types):
        if type_ in (kind.CONTROL, kind.UNKNOWN):
            made.add_special_tokens([AddedToken(token, special=True, normalized=False)])
        if type_ == kind.USER_DEFINED:
            made.add_tokens([AddedToken(token, special=False, normalized=False)])
    return made


def encode(tokenizer, texts, drops):
    """Ids without and, where they differ, with control tokens read in the text. None for a text
    with a byte that the vocabulary misses: the library drops it without a word."""
    tokenizer.encode_special_tokens = True
    plain = [None if drops(text) else tokenizer.encode(text, add_special_tokens=False).ids
             for text in texts]
    tokenizer.encode_special_tokens = False
    special = [None if drops(text) else tokenizer.encode(text, add_special_tokens=False).ids
               for text in texts]
    return {'plain': plain,
            'special': {k: ids for k, ids in enumerate(special) if ids != plain[k]}}


def pieces(pre, texts):
    """For each text the sizes in bytes of the pieces that the pre-tokeniser cuts it into."""
    return [[len(text[start:end].encode())
             for _, (start, end) in PRETOKENIZERS[pre].pre_tokenize_str(text)] for text in texts]


def letters():
    """{byte: letter} of the byte-level alphabet."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in printable]
    return {**{b: chr(b) for b in printable}, **{b: chr(256 + k) for k, b in enumerate(others)}}


def spell(data):
    alphabet = letters()
    return ''.join(alphabet[b] for b in data)


def write(path, pre, tokens, types, merges, unknown=None):
    writer = gguf.GGUFWriter(path, 'llama')
    writer.add_tokenizer_model('gpt2')
    writer.add_tokenizer_pre(pre)
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_token_merges([' '.join(merge) for merge in merges])
    for name, add in [(CONTROL[0], writer.add_bos_token_id), (CONTROL[1], writer.add_eos_token_id),
                      (unknown, writer.add_unk_token_id)]:
        if name in tokens:
            add(tokens.index(name))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()


def train(pre):
    """A tiny vocabulary: (tokens, types, merges, unknown). "default" misses most bytes below 0x20
    and has an unknown token for them."""
    kind = gguf.TokenType
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = PRETOKENIZERS[pre]
    tokenizer.train_from_iterator(TEXTS, trainers.BpeTrainer(
        vocab_size=640, show_progress=False, max_token_length=12,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    model = json.loads(tokenizer.to_str())['model']
    merges = [tuple(merge) for merge in model['merges']]
    tokens = [token for token, _ in sorted(model['vocab'].items(), key=lambda item: item[1])]
    unknown = None
    if pre == 'default':
        unknown = '<unk>'
        missing = {letters()[b] for b in range(0x20)} - {letters()[b] for b in b'\t\n\r'}
        merges = [merge for merge in merges if not missing & set(''.join(merge))]
        tokens = [token for token in tokens if not missing & set(token)]
    tokens += [spell(word.encode()) for word in WHOLE if spell(word.encode()) not in tokens]
    types = [kind.NORMAL] * len(tokens)
    types += [kind.CONTROL] * len(CONTROL) + [kind.USER_DEFINED] * len(USER)
    tokens += CONTROL + USER
    if unknown:
        tokens, types = [unknown] + tokens, [kind.UNKNOWN] + types
    return tokens, types, merges, unknown


def read(path):
    """(tokens, types, merges) of a GGUF file."""
    fields = gguf.GGUFReader(path).fields
    tokens = fields['tokenizer.ggml.tokens'].contents()
    merges = [tuple(merge.split(' ')) for merge in fields['tokenizer.ggml.merges'].contents()]
    return tokens, fields['tokenizer.ggml.token_type'].contents(), merges


def cases(smollm2):
    texts = TEXTS + random_texts(24, 60)
    vocabularies = {}
    for name, pre, path in [('smollm2', 'smollm', smollm2),
                            ('ggml-vocab-gpt-2', 'gpt-2', DATA / 'ggml-vocab-gpt-2.gguf')]:
        tokens, types, merges = read(path)
        missing = {b for b, letter in letters().items() if letter not in tokens}
        vocabularies[name] = encode(make(pre, tokens, types, merges), texts,
                                    lambda text: missing & set(text.encode()))
    for pre in PRETOKENIZERS:
        tokens, types, merges, unknown = train(pre)
        write(DATA / f'tiny-{pre}.gguf', pre, tokens, types, merges, unknown)
        vocabularies[f'tiny-{pre}'] = encode(make(pre, tokens, types, merges, unknown), texts,
                                             lambda text: False)
    with open(DATA / 'cases.json', 'w', encoding='utf-8') as out:
        json.dump({'texts': texts, 'pieces': {pre: pieces(pre, texts) for pre in PRETOKENIZERS},
                   'vocabularies': vocabularies}, out, separators=(',', ':'))
        out.write('\n')


def ranked(path, pre, out):
    """Merges of a rank file: the two parts a token was made of are what is left of it when only
    tokens of lower rank are merged. Some tokens have no such parts; no merges make those."""
    ranks = {base64.b64decode(line.split()[0]): int(line.split()[1])
             for line in pathlib.Path(path).read_text().splitlines() if line}

    def parts(token):
        pieces = [token[k:k + 1] for k in range(len(token))]
        while len(pieces) > 2:
            pairs = [ranks.get(a + b, len(ranks)) for a, b in zip(pieces, pieces[1:])]
            best = min(range(len(pairs)), key=pairs.__getitem__)
            if pairs[best] >= ranks[token]:
                break
            pieces[best:best + 2] = [pieces[best] + pieces[best + 1]]
        return pieces

    ordered = sorted(ranks, key=ranks.get)
    tokens = [spell(token) for token in ordered]
    made = [parts(token) for token in ordered if len(token) > 1]
    merges = [tuple(map(spell, pieces)) for pieces in made if len(pieces) == 2]
    write(out, pre, tokens, [gguf.TokenType.NORMAL] * len(tokens), merges)


if __name__ == '__main__':
    if sys.argv[1:2] == ['--ranks'] and len(sys.argv) == 5:
        ranked(*sys.argv[2:])
    elif len(sys.argv) == 2:
        cases(pathlib.Path(sys.argv[1]))
    else:
        sys.exit(__doc__)
