package telemetry

import (
	"encoding/hex"
	"math"
	"time"

	dto "github.com/prometheus/client_model/go"
	commonpb "go.opentelemetry.io/proto/slim/otlp/common/v1"
	metricspb "go.opentelemetry.io/proto/slim/otlp/metrics/v1"
)

// span of time that points of a cumulative metric are about.
type period struct{ start, now uint64 }

// convert returns the families of a Prometheus registry as OTLP has them: counters as
// sums, histograms with the count of each bucket by itself.
func convert(families []*dto.MetricFamily, start, now time.Time) []*metricspb.Metric {
	p := period{nanos(start), nanos(now)}
	var all []*metricspb.Metric
	for _, family := range families {
		m := &metricspb.Metric{Name: family.GetName(), Description: family.GetHelp()}
		switch family.GetType() {
		case dto.MetricType_COUNTER:
			m.Data = &metricspb.Metric_Sum{Sum: &metricspb.Sum{
				AggregationTemporality: metricspb.AggregationTemporality_AGGREGATION_TEMPORALITY_CUMULATIVE, IsMonotonic: true,
				DataPoints: p.numbers(family, func(v *dto.Metric) float64 { return v.GetCounter().GetValue() }),
			}}
		case dto.MetricType_GAUGE:
			m.Data = &metricspb.Metric_Gauge{Gauge: &metricspb.Gauge{
				DataPoints: p.numbers(family, func(v *dto.Metric) float64 { return v.GetGauge().GetValue() }),
			}}
		case dto.MetricType_HISTOGRAM:
			m.Data = &metricspb.Metric_Histogram{Histogram: &metricspb.Histogram{
				AggregationTemporality: metricspb.AggregationTemporality_AGGREGATION_TEMPORALITY_CUMULATIVE, DataPoints: p.histograms(family),
			}}
		case dto.MetricType_SUMMARY:
			m.Data = &metricspb.Metric_Summary{Summary: &metricspb.Summary{DataPoints: p.summaries(family)}}
		default:
			continue // we register no others
		}
		all = append(all, m)
	}
	return all
}

func labels(of *dto.Metric) []*commonpb.KeyValue {
	var all []*commonpb.KeyValue
	for _, pair := range of.GetLabel() {
		all = append(all, text(pair.GetName(), pair.GetValue()))
	}
	return all
}

func (p period) numbers(family *dto.MetricFamily, value func(*dto.Metric) float64) []*metricspb.NumberDataPoint {
	var points []*metricspb.NumberDataPoint
	for _, v := range family.GetMetric() {
		points = append(points, &metricspb.NumberDataPoint{
			Attributes: labels(v), StartTimeUnixNano: p.start, TimeUnixNano: p.now, Value: &metricspb.NumberDataPoint_AsDouble{AsDouble: value(v)},
		})
	}
	return points
}

func (p period) histograms(family *dto.MetricFamily) []*metricspb.HistogramDataPoint {
	var points []*metricspb.HistogramDataPoint
	for _, v := range family.GetMetric() {
		h := v.GetHistogram()
		sum := h.GetSampleSum()
		point := &metricspb.HistogramDataPoint{
			Attributes: labels(v), StartTimeUnixNano: p.start, TimeUnixNano: p.now, Count: h.GetSampleCount(), Sum: &sum,
		}
		var before uint64
		for _, bucket := range h.GetBucket() {
			if math.IsInf(bucket.GetUpperBound(), 1) {
				continue // OTLP has it without a bound, below
			}
			point.ExplicitBounds = append(point.ExplicitBounds, bucket.GetUpperBound())
			point.BucketCounts = append(point.BucketCounts, bucket.GetCumulativeCount()-before)
			before = bucket.GetCumulativeCount()
			point.Exemplars = appendExemplar(point.Exemplars, bucket.GetExemplar())
		}
		point.BucketCounts = append(point.BucketCounts, h.GetSampleCount()-before)
		points = append(points, point)
	}
	return points
}

// appendExemplar adds the exemplar of a bucket, if it has one.
func appendExemplar(all []*metricspb.Exemplar, e *dto.Exemplar) []*metricspb.Exemplar {
	if e == nil {
		return all
	}
	point := &metricspb.Exemplar{TimeUnixNano: nanos(e.GetTimestamp().AsTime()), Value: &metricspb.Exemplar_AsDouble{AsDouble: e.GetValue()}}
	for _, pair := range e.GetLabel() {
		switch id, err := hex.DecodeString(pair.GetValue()); {
		case err != nil:
		case pair.GetName() == "trace_id":
			point.TraceId = id
		case pair.GetName() == "span_id":
			point.SpanId = id
		}
	}
	return append(all, point)
}

func (p period) summaries(family *dto.MetricFamily) []*metricspb.SummaryDataPoint {
	var points []*metricspb.SummaryDataPoint
	for _, v := range family.GetMetric() {
		s := v.GetSummary()
		point := &metricspb.SummaryDataPoint{
			Attributes: labels(v), StartTimeUnixNano: p.start, TimeUnixNano: p.now, Count: s.GetSampleCount(), Sum: s.GetSampleSum(),
		}
		for _, q := range s.GetQuantile() {
			point.QuantileValues = append(point.QuantileValues, &metricspb.SummaryDataPoint_ValueAtQuantile{Quantile: q.GetQuantile(), Value: q.GetValue()})
		}
		points = append(points, point)
	}
	return points
}
