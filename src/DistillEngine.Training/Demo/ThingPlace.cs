namespace DistillEngine.Training.Demo;

/// <summary>Which of these five places one searches first for a thing.</summary>
public enum ThingPlace
{
    Kitchen,
    Office,
    Garden,
    Street,
    Harbor,
}
