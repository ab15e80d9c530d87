import uPlot from "/webjars/uplot/dist/uPlot.esm.js";

const SECONDS = 30;
const HEIGHT = 160;

const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** The last half minute of a few numbers. */
export class Plot {

	constructor(host, series, ceiling) {
		this.host = host;
		this.series = series;
		this.ceiling = ceiling;
		this.data = [[], ...series.map(() => [])];
		this.draw();
		new ResizeObserver(() => this.chart.setSize({ width: host.clientWidth, height: HEIGHT })).observe(host);
		matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
	}

	draw() {
		this.chart?.destroy();
		const axis = {
			stroke: color("--quiet"), grid: { stroke: color("--line"), width: 1 }, ticks: { show: false },
			font: "12px system-ui, sans-serif",
		};
		this.chart = new uPlot({
			width: this.host.clientWidth,
			height: HEIGHT,
			cursor: { drag: { x: false, y: false } },
			scales: {
				x: { time: false, range: () => [-SECONDS, 0] },
				y: { range: (_, low, high) => [0, Math.max(this.ceiling, Math.ceil((high ?? 0) * 1.1))] },
			},
			axes: [
				{ ...axis, size: 30, values: (_, ticks) => ticks.map((tick) => (tick === 0 ? "now" : `${tick} s`)) },
				{ ...axis, size: 44 },
			],
			series: [
				{},
				...this.series.map((it) => ({
					label: it.label, stroke: color(it.color), width: 2, points: { show: false },
					fill: `${color(it.color)}1f`, paths: uPlot.paths.stepped({ align: 1 }),
				})),
			],
		}, this.shifted(), this.host);
	}

	add(values) {
		const now = performance.now() / 1000;
		[now, ...values].forEach((value, index) => this.data[index].push(value));
		while (this.data[0][0] < now - SECONDS) {
			this.data.forEach((column) => column.shift());
		}
		this.chart.setData(this.shifted());
		if (this.chart.cursor.idx == null) {
			this.chart.setLegend({ idx: this.data[0].length - 1 });
		}
		this.host.dataset.points = this.data[0].length;
		this.host.dataset.highest = Math.max(...this.data.slice(1).flat());
	}

	/** Time is told backwards from the newest point. */
	shifted() {
		const [times, ...columns] = this.data;
		const newest = times.at(-1);
		return [times.map((time) => time - newest), ...columns];
	}

}
