// SPDX-License-Identifier: GPL-2.0-or-later
/* schema.c - report.schema.json as the Makefile links it in (ld -r -b binary). */
#include "user/render/render.h"

extern const char _binary_user_render_report_schema_json_start[];
extern const char _binary_user_render_report_schema_json_end[];

const char *render_json_schema(size_t *ret_len)
{
	*ret_len = (size_t)(_binary_user_render_report_schema_json_end -
			    _binary_user_render_report_schema_json_start);
	return _binary_user_render_report_schema_json_start;
}
