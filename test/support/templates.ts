/** Chat templates with the behaviour of the two published Llama 3.2 Vision families, written for these tests. */

const head = `{{- bos_token }}
{%- if not date_string is defined %}
  {%- if strftime_now is defined %}{%- set date_string = strftime_now("%d %b %Y") %}{%- else %}{%- set date_string = "26 Jul 2024" %}{%- endif %}
{%- endif %}
{%- if not tools is defined %}{%- set tools = none %}{%- endif %}
{%- if messages[0]['role'] == 'system' %}
  {%- set system_text = messages[0]['content'] | trim %}
  {%- set rest = messages[1:] %}
  {%- set has_system = true %}
{%- else %}
  {%- set system_text = "" %}
  {%- set rest = messages %}
  {%- set has_system = false %}
{%- endif %}
{%- set state = namespace(image=false) %}
{%- for message in rest %}
  {%- if message['content'] is not string %}
    {%- for item in message['content'] %}{%- if item['type'] == 'image' %}{%- set state.image = true %}{%- endif %}{%- endfor %}
  {%- endif %}
{%- endfor %}`;

const systemBlock = `
  {{- "<|start_header_id|>system<|end_header_id|>\\n\\n" }}
  {%- if tools is not none %}{{- "Environment: ipython\\n" }}{%- endif %}
  {{- "Cutting Knowledge Date: December 2023\\n" }}
  {{- "Today Date: " + date_string + "\\n\\n" }}
  {%- if tools is not none %}{%- for t in tools %}{{- t | tojson(indent=4) }}{{- "\\n\\n" }}{%- endfor %}{%- endif %}
  {{- system_text }}
  {{- "<|eot_id|>" }}`;

const tail = `
{%- for message in rest %}
  {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' }}
  {%- if message['content'] is string %}{{- message['content'] }}
  {%- else %}
    {%- for item in message['content'] %}
      {%- if item['type'] == 'image' %}{{- '<|image|>' }}{%- elif item['type'] == 'text' %}{{- item['text'] }}{%- endif %}
    {%- endfor %}
  {%- endif %}
  {{- '<|eot_id|>' }}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{%- endif %}`;

/** Refuses a system text together with an image; prints the system block exactly when there is no image. */
export const META_V1 = `${head}
{%- if state.image and system_text != "" %}{{- raise_exception("a system text and an image cannot go together") }}{%- endif %}
{%- if not state.image %}${systemBlock}
{%- endif %}${tail}`;

/** Prints the system block when there is a system text or no image. */
export const META_V2 = `${head}
{%- if has_system or not state.image %}${systemBlock}
{%- endif %}${tail}`;
