namespace DistillEngine.Data.Tasks;

/// <summary>Steps applied to a teacher's label before it is looked up; written as <c>trim</c>, <c>strip_final_dot</c>, <c>lower_case</c>,
/// <c>strip_article</c>.</summary>
public enum LabelNormalization
{
    Trim,
    StripFinalDot,
    LowerCase,
    StripArticle,
}
