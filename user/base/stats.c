// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * stats.c - see stats.h.
 *
 * Sources: Abramowitz and Stegun, Handbook of Mathematical Functions: 26.7.3 and 26.7.4 (Student's
 * distribution as a finite series in theta = atan(t / sqrt(df))), 26.7.5 (its quantiles for many
 * degrees of freedom).  Welch, Biometrika 34 (1947), with the degrees of freedom of Satterthwaite.
 */
#include <math.h>
#include <stdlib.h>

#include "user/base/buf.h"
#include "user/base/stats.h"

#define CONFIDENCE 0.95
#define SERIES_DF_MAX 200 /* beyond it 26.7.5 is exact to 1e-9 */
#define BISECTIONS 80	  /* a bit each */
#define QUANTILE_MAX 1e12

/* P(|T| < t), T of df degrees of freedom. */
static double student_within(double t, size_t df)
{
	double theta = atan(t / sqrt((double)df)), cos2 = cos(theta) * cos(theta);
	double odd = (double)(df % 2), sum = 0, term = df % 2 ? cos(theta) : 1;

	for (size_t k = 2; k <= df; k += 2) { /* k: 2, 4, ..; the last has cos^(df - 2) */
		sum += term;
		term *= cos2 * ((double)k - 1 + odd) / ((double)k + odd);
	}
	return df % 2 ? M_2_PI * (theta + sin(theta) * sum) : sin(theta) * sum;
}

static double student_expansion(double z, double df)
{
	const double z3 = z * z * z, z5 = z3 * z * z, z7 = z5 * z * z;

	return z + (z3 + z) / (4 * df) + (5 * z5 + 16 * z3 + 3 * z) / (96 * df * df) +
	       (3 * z7 + 19 * z5 + 17 * z3 - 15 * z) / (384 * df * df * df);
}

/* P(|T| >= t); df 0: normal. */
static double outside(double t, size_t df)
{
	return df ? 1 - student_within(t, df) : erfc(t * M_SQRT1_2);
}

static double quantile(double probability, size_t df)
{
	double low = 0, high = 1;

	while (outside(high, df) > probability && high < QUANTILE_MAX)
		high *= 2;
	for (int i = 0; i < BISECTIONS; i++) {
		double mid = (low + high) / 2;

		if (outside(mid, df) > probability)
			low = mid;
		else
			high = mid;
	}
	return low;
}

double stats_t(double probability, size_t df)
{
	if (!df || !(probability > 0 && probability < 1))
		return NAN;
	if (df > SERIES_DF_MAX)
		return student_expansion(quantile(probability, 0), (double)df);
	return quantile(probability, df);
}

double stats_t95(size_t df)
{
	return stats_t(1 - CONFIDENCE, df);
}

/* --- mean and what is made of it ------------------------------------------------------------- */

struct moments {
	double mean, var; /* var: of the values, not of the mean */
	size_t n;
};

static struct moments moments_of(const double *v, size_t n)
{
	struct moments m = { 0 };

	for (size_t i = 0; i < n; i++) {
		double delta = v[i] - m.mean;

		if (!isfinite(v[i]))
			continue;
		m.n++;
		m.mean += delta / (double)m.n;
		m.var += delta * (v[i] - m.mean);
	}
	m.var = m.n > 1 ? m.var / (double)(m.n - 1) : 0;
	return m;
}

static struct stats_interval around(double value, double half, size_t n)
{
	return (struct stats_interval){ value, value - half, value + half, n };
}

struct stats_interval stats_mean(const double *v, size_t n)
{
	struct moments m = moments_of(v, n);

	if (m.n < 2)
		return around(m.n ? m.mean : NAN, 0, m.n);
	return around(m.mean, stats_t95(m.n - 1) * sqrt(m.var / (double)m.n), m.n);
}

struct stats_interval stats_ratio(const double *a, const double *b, size_t n)
{
	double *logs = xcalloc(n ? n : 1, sizeof(*logs));
	struct stats_interval r;
	size_t used = 0;

	for (size_t i = 0; i < n; i++)
		if (a[i] > 0 && b[i] > 0)
			logs[used++] = log(a[i]) - log(b[i]);
	r = stats_mean(logs, used);
	free(logs);
	return (struct stats_interval){ exp(r.value), exp(r.low), exp(r.high), r.n };
}

/* Standard error of a mean, from its 95 % interval; one that was cut off at 0 keeps its other end.
 */
static double error_of(const struct stats_interval *i)
{
	return fmax(i->high - i->value, i->value - i->low) / stats_t95(i->n - 1);
}

struct stats_interval stats_difference(struct stats_interval a, struct stats_interval b,
				       size_t tests)
{
	size_t n = a.n < b.n ? a.n : b.n;
	double diff = a.value - b.value, va, vb, df;

	if (n < 2)
		return around(diff, 0, n);
	va = pow(error_of(&a), 2);
	vb = pow(error_of(&b), 2);
	if (va + vb <= 0)
		return around(diff, 0, n);
	df = (va + vb) * (va + vb) / (va * va / (double)(a.n - 1) + vb * vb / (double)(b.n - 1));
	df = floor(fmax(df, 1) + 1e-9); /* down: wider */
	return around(diff,
		      stats_t((1 - CONFIDENCE) / (double)(tests ? tests : 1), (size_t)df) *
			      sqrt(va + vb),
		      n);
}

/* --- median ---------------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/*
 * How many values may be left out at each end: the most that keeps P(fewer than so many of n lie on
 * one side of the median) within (1 - 95 %) / 2, by the binomial distribution.
 */
static size_t left_out(size_t n)
{
	double term = -(double)n * M_LN2, below = exp(term); /* logarithms: 2^-n may be 0 */
	size_t k = 0;

	while (k < n / 2 && below <= (1 - CONFIDENCE) / 2) {
		k++;
		term += log((double)(n - k + 1) / (double)k);
		below += exp(term);
	}
	return k ? k - 1 : 0;
}

struct stats_interval stats_median(const double *v, size_t n)
{
	double *sorted = xcalloc(n ? n : 1, sizeof(*sorted));
	struct stats_interval r = { NAN, NAN, NAN, 0 };
	size_t cut;

	for (size_t i = 0; i < n; i++)
		if (isfinite(v[i]))
			sorted[r.n++] = v[i];
	if (r.n) {
		qsort(sorted, r.n, sizeof(*sorted), by_value);
		cut = left_out(r.n);
		r.value = (sorted[(r.n - 1) / 2] + sorted[r.n / 2]) / 2;
		r.low = sorted[cut];
		r.high = sorted[r.n - 1 - cut];
	}
	free(sorted);
	return r;
}
