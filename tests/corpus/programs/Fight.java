// SPDX-License-Identifier: GPL-2.0-or-later
/** Fight SECONDS THREADS free|locked: threads that compute, each alone or all in one monitor. */
class Fight {
	static final Object monitor = new Object();

	static void burn() {
		long end = System.nanoTime() + 4000000;
		double x = 1;

		while (System.nanoTime() < end)
			x = Math.sqrt(x + 1);
		if (x < 0)
			System.out.println(x);
	}

	public static void main(String[] args) throws Exception {
		long end = System.nanoTime() + (long)(Double.parseDouble(args[0]) * 1e9);
		Thread[] threads = new Thread[Integer.parseInt(args[1])];
		boolean locked = args[2].equals("locked");

		for (int i = 0; i < threads.length; i++) {
			threads[i] = new Thread(() -> {
				while (System.nanoTime() < end)
					if (locked)
						synchronized (monitor) {
							burn();
						}
					else
						burn();
			});
			threads[i].start();
		}
		for (Thread thread : threads)
			thread.join();
	}
}
