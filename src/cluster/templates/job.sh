#!/bin/bash
# {{ purpose }}
{%- for directive in directives %}
#SBATCH {{ directive }}
{%- endfor %}
set -e
{%- if setup %}
{{ setup }}
{%- endif %}
exec {{ command }}
