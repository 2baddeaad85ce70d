"""Prompts through the chat templates of Mistral's instruct models, with and without a system role."""

import pytest
from transformers import AutoModelForCausalLM, AutoTokenizer

from chunks import ACTIONS, chunk, tiny_base
from touchline.models.lm.tokenize import Encoder
from touchline.prompts.prompt_text import PromptSettings, format_question, format_system_prompt

# Mistral-7B-Instruct-v0.1 and v0.2: the roles have to alternate.
ALTERNATING = (
    "{{ bos_token }}{% for message in messages %}"
    "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant/...') }}{% endif %}"
    "{% if message['role'] == 'user' %}{{ '[INST] ' + message['content'] + ' [/INST]' }}"
    "{% else %}{{ message['content'] + eos_token }}{% endif %}{% endfor %}"
)
# Mistral-7B-Instruct-v0.3: the system message opens the last message of the user.
SYSTEM_FIRST = (
    "{% if messages[0]['role'] == 'system' %}{% set system_message = messages[0]['content'] %}"
    "{% set loop_messages = messages[1:] %}{% else %}{% set loop_messages = messages %}{% endif %}"
    "{{ bos_token }}{% for message in loop_messages %}{% if message['role'] == 'user' %}"
    "{% if loop.last and system_message is defined %}"
    "{{ '[INST] ' + system_message + '\n\n' + message['content'] + '[/INST]' }}"
    "{% else %}{{ '[INST] ' + message['content'] + '[/INST]' }}{% endif %}"
    "{% endif %}{% endfor %}"
)
# A template that drops what it does not know.
USER_ALONE = (
    "{% for message in messages %}{% if message['role'] == 'user' %}"
    "{{ '[INST] ' + message['content'] + '[/INST]' }}{% endif %}{% endfor %}"
)
SETTINGS = PromptSettings(inputs=("commentary",))


@pytest.mark.parametrize("template", [ALTERNATING, SYSTEM_FIRST, USER_ALONE])
def test_instructions_open_the_users_message_where_there_is_no_system_role(template, tmp_path):
    tiny_base(tmp_path, "mistral")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    tokenizer.chat_template = template
    tokenizer.bos_token = "<|im_start|>"
    encoder = Encoder(AutoModelForCausalLM.from_pretrained(tmp_path), tokenizer, ACTIONS, SETTINGS)
    for _ in range(2):
        prefix, questions = encoder.encode_prompt(chunk(), ACTIONS)
        text = tokenizer.decode(prefix.ids)
        begin = "[INST] " if template is USER_ALONE else "<|im_start|>[INST] "
        assert text.startswith(
            begin + format_system_prompt(ACTIONS, SETTINGS) + "\n\nCommentary:\n"
        )
        assert text.endswith("The chunk runs from 37:00 to 38:00.\n")
        ends = [tokenizer.decode(ids).replace(" [/INST]", "[/INST]") for ids in questions]
        assert ends == [format_question(action) + "[/INST]" for action in ACTIONS]
