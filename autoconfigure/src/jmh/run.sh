#!/usr/bin/env bash
# Runs the benchmarks beside their peers on every JDK found and prints the table of docs/performance.md.
#   autoconfigure/src/jmh/run.sh          everything, about 20 minutes for two JDKs
#   autoconfigure/src/jmh/run.sh quick    fewer forks and iterations, about 5 minutes: to see that nothing broke
#   autoconfigure/src/jmh/run.sh report   no run: the table of the results that are there, put into the document
# QUANTILE=0.1 instead of medians, where other work disturbs the machine.
# JDKS=home1:home2 names the JDKs, ONLY=regex the groups of benchmarks (see below). Results: target/jmh of this module, or
# target/jmh-quick.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
mode=${1:-full}
only=${ONLY:-.}
out=target/jmh
if [[ $mode == quick ]]; then
	out=target/jmh-quick
fi
classpath='target/classes:target/test-classes:target/jmh-lib/*'

mvn -q -B -ntp -f ../pom.xml -Pjmh -pl autoconfigure -am package -DskipTests
mkdir -p "$out"

find_jdks() { # the default java and the JDKs installed beside it
	local home dir
	home=$(java -XshowSettings:properties -version 2>&1 | sed -n 's/^ *java.home = //p')
	for dir in "$home" "$(dirname "$home")"/*; do
		if [[ -x $dir/bin/javac ]]; then
			realpath "$dir"
		fi
	done | sort -u | paste -sd:
}

case $mode in
	full)
		calls='-f 2 -wi 5 -w 500ms -i 25 -r 100ms'
		contended='-f 2 -wi 4 -w 500ms -i 12 -r 200ms'
		queues='-f 1 -wi 4 -w 500ms -i 12 -r 250ms'
		http='-f 1 -wi 25 -i 30'
		;;
	quick)
		calls='-f 1 -wi 2 -w 500ms -i 10 -r 50ms'
		contended='-f 1 -wi 2 -w 500ms -i 10 -r 50ms'
		queues='-f 1 -wi 1 -w 500ms -i 10 -r 50ms'
		http='-f 1 -wi 10 -i 10'
		;;
	report) ;;
	*)
		echo "unknown mode '$mode': quick, report, or nothing" >&2
		exit 1
		;;
esac

bench() { # tag, benchmarks, JMH options
	local tag=$1 include=$2
	shift 2
	[[ $tag =~ $only ]] || return 0
	echo "== JDK $version $tag $(date +%T)"
	"$java" -cp "$classpath" org.openjdk.jmh.Main "benchmark\.$include" -jvmArgsPrepend '-Xms1g -Xmx1g' -foe true \
		-rf json -rff "$out/$version-$tag.json" "$@" > "$out/$version-$tag.log" 2>&1 ||
		{
			tail -20 "$out/$version-$tag.log"
			return 1
		}
}

if [[ $mode != report ]]; then
	IFS=: read -ra homes <<< "${JDKS:-$(find_jdks)}"
	for home in "${homes[@]}"; do
		java=$home/bin/java
		version=$(sed -n 's/^JAVA_VERSION="\([0-9]*\).*/\1/p' "$home/release")
		# shellcheck disable=SC2086 # options, to be split
		{
			bench calls 'UncontendedBenchmark' $calls -prof gc
			bench two-threads 'UncontendedBenchmark.mono(Ours|UsingWhen|Floor)' $contended -t 2
			bench annotated 'AnnotatedBenchmark' $calls -prof gc
			bench detection 'DetectionBenchmark' $calls -prof gc
			bench detection-two-threads 'DetectionBenchmark.(disabled|simple)$' $contended -t 2
			bench bodies 'ConcurrentBodiesBenchmark' $contended -prof gc
			bench queue 'HandOverBenchmark' $queues -p n=1000,10000,100000 -p peer=ours,oursTimeout
			bench queue-peers 'HandOverBenchmark' $queues -p n=1000 -p peer=floor,reactorPool,reactorPoolTimeout
			bench queue-floor 'HandOverBenchmark' $queues -p n=100000 -p peer=floor
			# Synchronous completions recurse there: the default stack ends at about a thousand waiters.
			bench queue-smallrye 'HandOverBenchmark' $queues -p n=1000 -p peer=smallrye -jvmArgsAppend -Xss512m
			bench http 'HttpBenchmark' $http
		}
		if [[ footprint =~ $only ]]; then
			echo "== JDK $version footprint $(date +%T)"
			"$java" -Xms2g -Xmx2g -cp "$classpath" io.scopedasync.benchmark.Footprint "$out/$version-footprint.json"
		fi
	done
fi

if [[ $mode == quick ]]; then
	java "-Dquantile=${QUANTILE:-0.5}" -cp "$classpath" io.scopedasync.benchmark.PerformanceReport "$out"
else
	java "-Dquantile=${QUANTILE:-0.5}" -cp "$classpath" io.scopedasync.benchmark.PerformanceReport "$out" ../docs/performance.md
fi
