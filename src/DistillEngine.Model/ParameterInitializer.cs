using DistillEngine.Core;

namespace DistillEngine.Model;

/// <summary>Initial values as functions of (seed, parameter, element).</summary>
static class ParameterInitializer
{
    // Rows that share a key of the generator.
    const int ChunkRows = 4096;

    public static void Fill(ParameterStore parameters, float factor, ulong seed)
    {
        for (int i = 0; i < parameters.Specs.Count; i++)
        {
            ParameterSpec spec = parameters.Specs[i];
            uint key = CounterRng.SiteKey(seed, 0, i);
            parameters.Write(new ParameterId(i), (start, values) =>
            {
                if (spec.Initializer == Initializer.Ones) values.Fill(factor);
                else Normal(key, spec, start, values);
            });
        }
    }

    static void Normal(uint key, ParameterSpec spec, long start, Span<float> values)
    {
        long chunkElements = ChunkRows * spec.Shape.RowCount;
        for (int done = 0; done < values.Length;)
        {
            long chunk = (start + done) / chunkElements, within = (start + done) % chunkElements;
            int count = (int)Math.Min(values.Length - done, chunkElements - within);
            Normal(CounterRng.Key(key, (uint)(chunk * ChunkRows)), spec.StandardDeviation, (uint)within, values.Slice(done, count));
            done += count;
        }
    }

    // Box–Muller: two normal numbers from two uniform ones; a range may begin with the second of a pair.
    static void Normal(uint key, double deviation, uint first, Span<float> values)
    {
        for (int i = -(int)(first % 2); i < values.Length; i += 2)
        {
            uint at = first + (uint)i;
            double radius = deviation * Math.Sqrt(-2 * Math.Log((CounterRng.Draw(key, at) + 1.0) / 4294967297.0));
            double angle = 2 * Math.PI * CounterRng.Draw(key, at + 1) / 4294967296.0;
            if (i >= 0) values[i] = (float)(radius * Math.Cos(angle));
            if (i + 1 < values.Length) values[i + 1] = (float)(radius * Math.Sin(angle));
        }
    }
}
