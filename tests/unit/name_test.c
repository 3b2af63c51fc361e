// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "user/symbol/name.h"

static void readable(void **state)
{
	static const struct {
		const char *symbol, *name;
	} cases[] = {
		{ "main", "main" },
		{ "", "" },
		{ "pthread_cond_wait@@GLIBC_2.3.2", "pthread_cond_wait" },
		{ "pthread_cond_wait@GLIBC_2.2.5", "pthread_cond_wait" },
		{ "@", "@" },
		{ "__GI__IO_fputs", "_IO_fputs" },
		{ "__GI_", "__GI_" },
		/* parts of functions, variables of them */
		{ "fputs.cold", "fputs" },
		{ "tree.part.0.constprop.12", "tree" },
		{ "local.lto_priv.0.isra.0.cold", "local" },
		{ "once.3", "once" },
		{ ".3", ".3" },
		{ "runtime.mallocgc", "runtime.mallocgc" }, /* Go */
		{ "main.(*T).run", "main.(*T).run" },
		/* C++ */
		{ "_ZN3foo3BarC1Ei", "foo::Bar::Bar" },
		{ "_ZN3foo3bar4quuxERKSs.part.7", "foo::bar::quux" },
		{ "_ZNSt6vectorIiSaIiEE9push_backEOi",
		  "std::vector<int, std::allocator<int> >::push_back" },
		{ "_ZZ4mainENKUlvE_clEv", "main::{lambda()#1}::operator()" },
		{ "_ZN12_GLOBAL__N_16hiddenEv", "(anonymous namespace)::hidden" },
		{ "_Z3maxIiET_S0_S0_", "max<int>" },
		{ "_Znwm", "operator new" },
		{ "_ZThn8_N1B1fEv", "non-virtual thunk to B::f()" },
		{ "_Zwrong", "_Zwrong" },
		/* Rust, old and new */
		{ "_ZN4core3ptr13drop_in_place17h0123456789abcdefE", "core::ptr::drop_in_place" },
		{ "_ZN66_$LT$alloc..vec..Vec$LT$T$GT$$u20$as$u20$core..ops..drop..Drop$GT$4drop"
		  "17h1234567890abcdefE",
		  "<alloc::vec::Vec<T> as core::ops::drop::Drop>::drop" },
		{ "_ZN4main3run17h0123456789abcdefE.llvm.1234567", "main::run" },
		{ "_RNvCs4fqI2P2rA04_5hello4main", "hello::main" },
		{ "_RNvMNtCs4fqI2P2rA04_4main3libNtB2_3Foo3bar", "<main::lib::Foo>::bar" },
		{ "_Read", "_Read" },
	};
	char name[128];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		name_readable(cases[i].symbol, name, sizeof(name));
		assert_string_equal(name, cases[i].name);
	}
}

static void bounded(void **state)
{
	static char symbol[100000];
	char name[8];

	(void)state;
	name_readable("_ZN3foo3bar4quuxEv", name, sizeof(name));
	assert_string_equal(name, "foo::ba");
	name_readable("1234567", name, sizeof(name));
	assert_string_equal(name, "1234567");
	name_readable("12345678", name, sizeof(name));
	assert_string_equal(name, "1234567");
	/* deep enough for any recursion, too long to be looked at */
	strcpy(symbol, "_Z1f");
	memset(symbol + 4, 'P', sizeof(symbol) - 6);
	symbol[sizeof(symbol) - 2] = 'i';
	name_readable(symbol, name, sizeof(name));
	assert_string_equal(name, "_Z1fPPP");
	symbol[2000] = '\0';
	name_readable(symbol, name, sizeof(name));
}

static void compared(void **state)
{
	static const char *const order[] = { /* each tells more than those behind it */
		"fputs", "_ZN3foo3barEv", "fputs_unlocked", "fput@GLIBC_2.0", "_IO_fputs",
		"__fputs", "___a",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(order) / sizeof(*order); i++)
		for (size_t j = 0; j < sizeof(order) / sizeof(*order); j++) {
			int c = name_compare(order[i], order[j]);

			assert_int_equal((c > 0) - (c < 0), (i > j) - (i < j));
		}
	assert_int_equal(name_underscores("__GI___x"), 2);
	assert_int_equal(name_underscores("_Z1fv"), 0);
	assert_true(name_is_mangled("_RNvC1a1b"));
	assert_false(name_is_mangled("_Read"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(readable),
		cmocka_unit_test(bounded),
		cmocka_unit_test(compared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
