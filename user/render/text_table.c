// SPDX-License-Identifier: GPL-2.0-or-later
/* text_table.c - tables that fit: columns shrink, then go, and the reader is told. */
#include <stdlib.h>

#include "user/base/escape.h"
#include "user/render/text_out.h"

#define COLUMN_GAP 2

struct cell {
	size_t offset, len;
	int width;
};

struct table {
	struct text *t;
	const struct text_column *columns;
	size_t n_columns, n_rows;
	const void *const *rows;
	struct buf text;    /* of all cells */
	struct cell *cells; /* row by row */
	int *width;	    /* of each column; 0: left out */
	int *natural;
};

static void fill_cells(struct table *table)
{
	for (size_t i = 0; i < table->n_rows * table->n_columns; i++) {
		size_t c = i % table->n_columns;
		struct cell *cell = &table->cells[i];

		cell->offset = table->text.len;
		table->columns[c].cell(&table->text, table->t,
					table->rows[i / table->n_columns]);
		cell->len = table->text.len - cell->offset;
		if (!cell->len)
			continue;
		cell->width = escape_width(table->text.data + cell->offset, cell->len);
		if (cell->width > table->natural[c])
			table->natural[c] = cell->width;
	}
	for (size_t c = 0; c < table->n_columns; c++) {
		int head = (int)strlen(table->columns[c].head);

		if (table->natural[c] && table->natural[c] < head)
			table->natural[c] = head;
	}
}

/* Smallest width that the columns of width > 0 need. */
static int least_width(const struct table *table)
{
	int sum = -COLUMN_GAP;

	for (size_t c = 0; c < table->n_columns; c++) {
		int min = table->columns[c].min;

		if (table->width[c])
			sum += COLUMN_GAP + (min && min < table->width[c] ? min : table->width[c]);
	}
	return sum;
}

/* Choose the columns that stay and their widths; the names of the others go to dropped. */
static void fit(struct table *table, int room, struct buf *dropped)
{
	memcpy(table->width, table->natural, table->n_columns * sizeof(int));
	while (least_width(table) > room) {
		size_t victim = 0;

		for (size_t c = 1; c < table->n_columns; c++)
			if (table->width[c] &&
			    (!table->width[victim] ||
			     table->columns[c].drop >= table->columns[victim].drop))
				victim = c;
		if (!table->columns[victim].drop)
			break;
		table->width[victim] = 0;
		buf_printf(dropped, "%s%s", dropped->len ? ", " : "", table->columns[victim].head);
	}
	room -= least_width(table);
	for (size_t c = 0; c < table->n_columns; c++) {
		int min = table->columns[c].min;

		if (!table->width[c] || !min || table->width[c] <= min)
			continue;
		if (table->width[c] > min + room)
			table->width[c] = min + (room > 0 ? room : 0);
		break;
	}
}

/* Cells are escaped by the column; only a column that shrinks may have to cut. */
static void print_cell(struct table *table, size_t c, const char *s, size_t len, int width)
{
	const struct text_column *column = &table->columns[c];
	struct buf *out = table->t->out;
	size_t pad;

	if (width > table->width[c]) {
		text_cell(out, s, len, table->width[c], !column->left, table->t->unicode);
		return;
	}
	pad = (size_t)(table->width[c] - width);
	if (!column->left)
		buf_pad(out, ' ', pad);
	buf_add(out, s, len);
	if (column->left)
		buf_pad(out, ' ', pad);
}

static void print_head(struct table *table, int indent)
{
	bool first = true;

	text_style(table->t, TEXT_DIM);
	buf_pad(table->t->out, ' ', (size_t)indent);
	for (size_t c = 0; c < table->n_columns; c++) {
		const char *head = table->columns[c].head;

		if (!table->width[c])
			continue;
		buf_pad(table->t->out, ' ', first ? 0 : COLUMN_GAP);
		print_cell(table, c, head, strlen(head), (int)strlen(head));
		first = false;
	}
	text_end_line(table->t, true);
}

/* A cell that is too wide, as its column would say it in less. */
static void print_fitted(struct table *table, size_t row, size_t c)
{
	const struct text_column *column = &table->columns[c];
	struct buf text = { 0 };

	column->fit(&text, table->t, table->rows[row], table->width[c]);
	text_cell(table->t->out, text.data ? text.data : "", text.len, table->width[c],
		  !column->left, table->t->unicode);
	buf_free(&text);
}

static void print_row(struct table *table, size_t row, int indent)
{
	bool first = true;

	buf_pad(table->t->out, ' ', (size_t)indent);
	for (size_t c = 0; c < table->n_columns; c++) {
		const struct cell *cell = &table->cells[row * table->n_columns + c];
		const char *blank = table->columns[c].blank ? table->columns[c].blank : "-";

		if (!table->width[c])
			continue;
		buf_pad(table->t->out, ' ', first ? 0 : COLUMN_GAP);
		if (cell->width > table->width[c] && table->columns[c].fit)
			print_fitted(table, row, c);
		else if (cell->len)
			print_cell(table, c, table->text.data + cell->offset, cell->len,
				   cell->width);
		else
			print_cell(table, c, blank, strlen(blank), (int)strlen(blank));
		first = false;
	}
	text_end_line(table->t, false);
}

void text_table(struct text *t, int indent, const struct text_column *columns, size_t n_columns,
		const void *const *rows, size_t n_rows)
{
	struct table table = {
		.t = t,
		.columns = columns,
		.n_columns = n_columns,
		.n_rows = n_rows,
		.rows = rows,
		.cells = xcalloc(n_rows * n_columns, sizeof(struct cell)),
		.width = xcalloc(n_columns, sizeof(int)),
		.natural = xcalloc(n_columns, sizeof(int)),
	};
	struct buf dropped = { 0 };

	fill_cells(&table);
	fit(&table, t->width - indent, &dropped);
	print_head(&table, indent);
	for (size_t i = 0; i < n_rows; i++)
		print_row(&table, i, indent);
	if (dropped.len)
		text_wrapf(t, TEXT_DIM, indent, "no room for: %s", dropped.data);
	buf_free(&dropped);
	buf_free(&table.text);
	free(table.cells);
	free(table.width);
	free(table.natural);
}
